// The values that the parameters of a CloudFormation document have, and what it does not allow them to be.

import type { Json, Parameter } from "./_parse.ts";

/** As on a command line: texts, lists with commas. */
export type Parameters = Readonly<Record<string, string>>;

/**
 * Every parameter's value; one that has neither a value nor a default is `<Name>`.
 * @throws for a parameter that the document does not have, or a value that it does not allow
 */
export function parameterValues(
  declared: Readonly<Record<string, Parameter>>,
  given: Parameters,
): Record<string, Json> {
  for (const name of Object.keys(given)) {
    if (!Object.hasOwn(declared, name)) throw new Error(`there is no parameter ${name}`);
  }
  return Object.fromEntries(
    Object.entries(declared).map(([name, parameter]) => [name, valueOf(name, parameter, given[name])]),
  );
}

function valueOf(name: string, parameter: Parameter, given: string | undefined): Json {
  const value = given ?? parameter.Default;
  if (value === undefined) return `<${name}>`;
  // What the Parameter Store has is known to the deployment alone.
  if (parameter.Type.startsWith("AWS::SSM::Parameter::Value")) return `<${name}>`;
  check(name, parameter, String(value));
  if (parameter.Type === "Number") return Number(value);
  if (/^List<|^CommaDelimitedList$/.test(parameter.Type)) return String(value).split(",");
  return String(value);
}

function check(name: string, parameter: Parameter, value: string): void {
  const { AllowedValues, AllowedPattern, MinValue = -Infinity, MaxValue = Infinity } = parameter;
  const refuse = (allowed: string) => {
    throw new Error(`${name}: found ${JSON.stringify(value)}, allowed ${allowed}`);
  };
  if (AllowedValues !== undefined && !AllowedValues.map(String).includes(value))
    refuse(AllowedValues.join(", "));
  // CloudFormation wants the whole value to match.
  if (AllowedPattern !== undefined && !new RegExp(`^(?:${AllowedPattern})$`).test(value))
    refuse(AllowedPattern);
  if (parameter.Type === "Number" && !(Number(value) >= MinValue && Number(value) <= MaxValue)) {
    refuse(`${MinValue} to ${MaxValue}`);
  }
}
