// What an app of the AWS CDK imports from "coldframe/cdk".

export { ModelFunction } from "./model-function.ts";
export type { ModelFunctionProps } from "./props.ts";
