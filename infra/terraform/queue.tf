# A queue in front of the function, and where messages go that failed too often. Both are encrypted, and reached over TLS only.

locals {
  queues = local.queue ? 1 : 0
}

resource "aws_sqs_queue" "queue" {
  count = local.queues

  name                       = local.name
  visibility_timeout_seconds = local.deployment.queue.visibility_timeout_seconds
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letters[0].arn
    maxReceiveCount     = local.deployment.queue.max_receive_count
  })
}

resource "aws_sqs_queue" "dead_letters" {
  count = local.queues

  name                      = "${local.name}-dead-letters"
  message_retention_seconds = 1209600 # 14 days, the most there is
  sqs_managed_sse_enabled   = true
}

resource "aws_sqs_queue_policy" "queue" {
  count = local.queues

  queue_url = aws_sqs_queue.queue[0].url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DenyPlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = aws_sqs_queue.queue[0].arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_sqs_queue_policy" "dead_letters" {
  count = local.queues

  queue_url = aws_sqs_queue.dead_letters[0].url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DenyPlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "sqs:*"
      Resource  = aws_sqs_queue.dead_letters[0].arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}

resource "aws_lambda_event_source_mapping" "queue" {
  count = local.queues

  event_source_arn        = aws_sqs_queue.queue[0].arn
  function_name           = aws_lambda_alias.live.arn
  batch_size              = local.deployment.queue.batch_size
  function_response_types = local.deployment.queue.function_response_types

  scaling_config {
    maximum_concurrency = local.deployment.queue.max_concurrency
  }

  lifecycle {
    precondition {
      condition     = local.reserved == 0 || local.reserved >= local.deployment.queue.max_concurrency
      error_message = "Found reserved_concurrency ${local.reserved}, allowed at least what the queue may use, ${local.deployment.queue.max_concurrency} (serverless.sqs.max_concurrency of config.yaml): its messages would be throttled into the dead-letter queue."
    }
  }
}
