// The function URL on the alias, and who may call it. A caller needs two permissions: lambda:InvokeFunctionUrl, and
// lambda:InvokeFunction through the URL; with one of them alone the URL answers 403.
// Source: docs.aws.amazon.com/lambda/latest/dg/urls-auth.html

import * as lambda from "aws-cdk-lib/aws-lambda";
import type { Construct } from "constructs";
import type { LambdaDeployment } from "../../adapter/build/deployment.ts";
import type { Switches } from "./switches.ts";

export function createUrl(
  scope: Construct,
  { function_url: facts }: LambdaDeployment,
  { urlAuth, invoker }: Switches,
  alias: lambda.Alias,
): lambda.FunctionUrl {
  // Of a public URL, FunctionUrl itself makes both permissions.
  const url = new lambda.FunctionUrl(scope, "FunctionUrl", {
    function: alias as lambda.IFunction,
    authType: lambda.FunctionUrlAuthType[urlAuth],
    invokeMode: lambda.InvokeMode[facts.invoke_mode],
  });
  // As it is: CDK's own `cors` would allow every method where config.yaml names none.
  if (facts.cors !== null) (url.node.defaultChild as lambda.CfnUrl).addPropertyOverride("Cors", facts.cors);
  if (urlAuth === "AWS_IAM" && invoker !== "") allow(scope, invoker, alias);
  return url;
}

function allow(scope: Construct, principal: string, { functionArn: functionName }: lambda.Alias): void {
  new lambda.CfnPermission(scope, "InvokerUrlPermission", {
    action: "lambda:InvokeFunctionUrl",
    functionName,
    principal,
    functionUrlAuthType: "AWS_IAM",
  });
  // FunctionUrlAuthType is refused beside this action.
  new lambda.CfnPermission(scope, "InvokerFunctionPermission", {
    action: "lambda:InvokeFunction",
    functionName,
    principal,
    invokedViaFunctionUrl: true,
  });
}
