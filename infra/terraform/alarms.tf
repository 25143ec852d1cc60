# Alarms: each is at its threshold or above it in one period. Without calls there is no alarm.

locals {
  thresholds    = local.deployment.alarms
  alarm_actions = var.alarm_topic_arn == "" ? [] : [var.alarm_topic_arn]
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  count = var.alarms ? 1 : 0

  alarm_name          = "${local.name}-errors"
  alarm_description   = "Calls of ${local.name} failed."
  namespace           = "AWS/Lambda"
  metric_name         = "Errors"
  statistic           = "Sum"
  dimensions          = { FunctionName = aws_lambda_function.model.function_name }
  period              = local.thresholds.period_seconds
  evaluation_periods  = 1
  threshold           = local.thresholds.errors
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "throttles" {
  count = var.alarms ? 1 : 0

  alarm_name          = "${local.name}-throttles"
  alarm_description   = "Calls of ${local.name} found no environment."
  namespace           = "AWS/Lambda"
  metric_name         = "Throttles"
  statistic           = "Sum"
  dimensions          = { FunctionName = aws_lambda_function.model.function_name }
  period              = local.thresholds.period_seconds
  evaluation_periods  = 1
  threshold           = local.thresholds.throttles
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "duration" {
  count = var.alarms ? 1 : 0

  alarm_name          = "${local.name}-duration"
  alarm_description   = "The slowest calls of ${local.name} come close to its timeout."
  namespace           = "AWS/Lambda"
  metric_name         = "Duration"
  extended_statistic  = "p99"
  dimensions          = { FunctionName = aws_lambda_function.model.function_name }
  period              = local.thresholds.period_seconds
  evaluation_periods  = 1
  threshold           = local.thresholds.duration_ms
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "url_5xx" {
  count = var.alarms && local.function_url ? 1 : 0

  alarm_name          = "${local.name}-url-5xx"
  alarm_description   = "The URL of ${local.name} answered with 5xx."
  namespace           = "AWS/Lambda"
  metric_name         = "Url5xxCount"
  statistic           = "Sum"
  dimensions          = { FunctionName = aws_lambda_function.model.function_name }
  period              = local.thresholds.period_seconds
  evaluation_periods  = 1
  threshold           = local.thresholds.url_5xx
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}

resource "aws_cloudwatch_metric_alarm" "dead_letters" {
  count = var.alarms && local.queue ? 1 : 0

  alarm_name          = "${local.name}-dead-letters"
  alarm_description   = "Messages for ${local.name} failed too often."
  namespace           = "AWS/SQS"
  metric_name         = "ApproximateNumberOfMessagesVisible"
  statistic           = "Maximum"
  dimensions          = { QueueName = aws_sqs_queue.dead_letters[0].name }
  period              = local.thresholds.period_seconds
  evaluation_periods  = 1
  threshold           = local.thresholds.dead_letters
  comparison_operator = "GreaterThanOrEqualToThreshold"
  treat_missing_data  = "notBreaching"
  alarm_actions       = local.alarm_actions
}
