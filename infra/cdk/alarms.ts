// Alarms on what a caller would notice: errors, throttles, slow calls, 5xx answers of the URL, and messages that were given
// up. Thresholds are deployment.json's.
// Source: docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html

import { Duration } from "aws-cdk-lib";
import * as cloudwatch from "aws-cdk-lib/aws-cloudwatch";
import type * as lambda from "aws-cdk-lib/aws-lambda";
import type * as sqs from "aws-cdk-lib/aws-sqs";
import type { Construct } from "constructs";
import type { LambdaDeployment } from "../../adapter/build/deployment.ts";
import type { Switches } from "./switches.ts";

export function createAlarms(
  scope: Construct,
  { alarms: thresholds }: LambdaDeployment,
  { functionUrl, alarmTopicArn }: Switches,
  fn: lambda.Function,
  deadLetterQueue: sqs.Queue | undefined,
): cloudwatch.Alarm[] {
  const ofFunction = (id: string, metricName: string, statistic: string, threshold: number) =>
    alarm(id, threshold, {
      namespace: "AWS/Lambda",
      metricName,
      statistic,
      dimensionsMap: { FunctionName: fn.functionName },
    });
  return [
    ofFunction("ErrorsAlarm", "Errors", "Sum", thresholds.errors),
    ofFunction("ThrottlesAlarm", "Throttles", "Sum", thresholds.throttles),
    ofFunction("DurationAlarm", "Duration", "p99", thresholds.duration_ms),
    ...(functionUrl ? [ofFunction("Url5xxAlarm", "Url5xxCount", "Sum", thresholds.url_5xx)] : []),
    ...(deadLetterQueue === undefined
      ? []
      : [
          alarm("DeadLettersAlarm", thresholds.dead_letters, {
            namespace: "AWS/SQS",
            metricName: "ApproximateNumberOfMessagesVisible",
            statistic: "Maximum",
            dimensionsMap: { QueueName: deadLetterQueue.queueName },
          }),
        ]),
  ];

  function alarm(id: string, threshold: number, metric: cloudwatch.MetricProps): cloudwatch.Alarm {
    const made = new cloudwatch.Alarm(scope, id, {
      metric: new cloudwatch.Metric({ ...metric, period: Duration.seconds(thresholds.period_seconds) }),
      threshold,
      evaluationPeriods: 1,
      comparisonOperator: cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      treatMissingData: cloudwatch.TreatMissingData.NOT_BREACHING,
    });
    if (alarmTopicArn !== "") made.addAlarmAction({ bind: () => ({ alarmActionArn: alarmTopicArn }) });
    return made;
  }
}
