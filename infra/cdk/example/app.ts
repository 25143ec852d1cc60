// Deploys this project's model with the AWS CDK. In the project's folder, after `coldframe build`:
//
//   npx cdk deploy
//
// It makes the function with its role, log group and alarms; a function URL and a queue where config.yaml has them. When idle
// it costs what is stored (logs, weights) and about 0.10 USD a month for each alarm; provisioned concurrency, and managed
// instances with min_environments above 0, are paid for by the hour.

import { App, Stack } from "aws-cdk-lib";
import { ModelFunction } from "coldframe/cdk";

const app = new App();
const artifact = "dist/lambda";

// One stack for each environment: npx cdk deploy --context environment=staging
const environment: string = app.node.tryGetContext("environment") ?? "";
const stack = new Stack(app, [ModelFunction.nameOf(artifact), environment].filter(Boolean).join("-"));

// Memory, timeout, permissions and the rest are config.yaml's, by way of deployment.json in the artifact.
new ModelFunction(stack, "Model", { artifact, environment });
