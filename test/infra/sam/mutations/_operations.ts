// What may be broken of logs, alarms and managed instances: infra/policy/logs.guard, alarms.guard, managed-instances.guard.

import { mutation, type Mutation, set, statementsOf, without } from "./_mutation.ts";

/** Of documents whose switches are decided: everything on, and the URL public. */
export const OPERATION_MUTATIONS: readonly Mutation[] = [
  mutation(
    "log_groups_have_retention",
    "logs for ever",
    set("FunctionLogGroup", "RetentionInDays", undefined),
  ),
  mutation("functions_write_json_to_a_group_of_their_own", "no log group", without("FunctionLogGroup")),
  mutation(
    "functions_write_json_to_a_group_of_their_own",
    "a function without LoggingConfig",
    set("ModelFunction", "LoggingConfig", undefined),
  ),
  mutation(
    "functions_write_json_to_a_group_of_their_own",
    "lines of text",
    set("ModelFunction", "LoggingConfig.LogFormat", "Text"),
  ),
  mutation(
    "functions_say_whether_they_trace",
    "no tracing",
    set("ModelFunction", "TracingConfig", undefined),
  ),
  mutation("traced_functions_may_write_traces", "traces that may not be written", (draft) => {
    const statements = statementsOf(draft);
    statements.splice(
      statements.findIndex(({ Sid }) => Sid === "WriteTraces"),
      1,
    );
  }),
  mutation(
    "alarms_treat_missing_data",
    "an alarm of the night",
    set("ErrorsAlarm", "TreatMissingData", undefined),
  ),
  mutation(
    "alarms_watch_one_thing",
    "an alarm of all functions",
    set("ErrorsAlarm", "Dimensions", undefined),
  ),
  mutation(
    "alarms_sound_after_one_period",
    "an alarm that waits for ten",
    set("ErrorsAlarm", "EvaluationPeriods", 10),
  ),
  mutation(
    "managed_functions_have_one_worker",
    "no worker count",
    set("ModelFunction", "Environment.Variables.AWS_LAMBDA_NODEJS_WORKER_COUNT", undefined),
    "gpu",
  ),
  mutation(
    "managed_functions_have_one_worker",
    "eight workers",
    set("ModelFunction", "Environment.Variables.AWS_LAMBDA_NODEJS_WORKER_COUNT", "8"),
    "gpu",
  ),
  mutation(
    "managed_functions_have_a_ceiling",
    "three environments, day and night",
    ({ Resources }) => {
      for (const { Properties } of Object.values(Resources)) delete Properties.FunctionScalingConfig;
    },
    "gpu",
  ),
  mutation(
    "managed_functions_have_a_ceiling",
    "as many environments as fit",
    set("ModelFunction", "FunctionScalingConfig.MaxExecutionEnvironments", undefined),
    "gpu",
  ),
  mutation(
    "capacity_providers_have_a_ceiling",
    "as many instances as asked for",
    set("CapacityProvider", "CapacityProviderScalingConfig.MaxVCpuCount", undefined),
    "gpu",
  ),
  mutation(
    "accelerated_functions_are_possible",
    "a GPU on arm64",
    set("ModelFunction", "Architectures", ["arm64"]),
    "gpu",
  ),
];
