# A model as a Lambda function with an alias, a role that may do no more than the model needs, and logs that end.
# Its URL is in url.tf, its weights in weights.tf, its queue in queue.tf, its alarms in alarms.tf.
# Deploy: terraform init && terraform apply
# Idle, it costs nothing but its stored logs and weights, and the environments of provisioned_concurrency if there are any.

data "aws_partition" "current" {}

data "aws_region" "current" {}

data "aws_caller_identity" "current" {}

locals {
  deployment = jsondecode(file("${var.artifact}/deployment.json"))
  archive    = "${var.artifact}.zip"
  name       = coalesce(var.name, local.deployment.name)

  function_url = coalesce(var.function_url, local.deployment.switches.function_url == "true")
  url_auth     = coalesce(var.url_auth, local.deployment.switches.url_auth)
  queue        = coalesce(var.queue, local.deployment.switches.queue == "true")
  reserved     = coalesce(var.reserved_concurrency, local.deployment.concurrency.reserved)
  provisioned  = coalesce(var.provisioned_concurrency, local.deployment.concurrency.provisioned)

  # What deployment.json leaves open stands in it in CloudFormation's notation.
  secrets_prefix = var.secrets_prefix == null ? "${local.deployment.name}/" : var.secrets_prefix
  secrets_json   = replace(jsonencode(local.deployment.secret_environment), "$${SecretsPrefix}", local.secrets_prefix)
  iam_of_prefix  = replace(jsonencode(local.deployment.iam), "$${SecretsPrefix}", local.secrets_prefix)
  iam_of_part    = replace(local.iam_of_prefix, "$${AWS::Partition}", data.aws_partition.current.partition)
  iam_of_region  = replace(local.iam_of_part, "$${AWS::Region}", data.aws_region.current.region)
  iam_json       = replace(local.iam_of_region, "$${AWS::AccountId}", data.aws_caller_identity.current.account_id)

  environment = merge(
    local.deployment.environment,
    jsondecode(local.secrets_json),
    var.environment == "" ? {} : { COLDFRAME_ENVIRONMENT = var.environment },
  )
}

resource "aws_lambda_function" "model" {
  function_name                  = local.name
  description                    = local.deployment.description
  role                           = aws_iam_role.function.arn
  filename                       = var.archive_bucket == "" ? local.archive : null
  s3_bucket                      = var.archive_bucket == "" ? null : aws_s3_object.archive[0].bucket
  s3_key                         = var.archive_bucket == "" ? null : aws_s3_object.archive[0].key
  source_code_hash               = filebase64sha256(local.archive)
  runtime                        = local.deployment.runtime
  architectures                  = [local.deployment.architecture]
  handler                        = local.deployment.handler
  memory_size                    = local.deployment.memory_mb
  timeout                        = local.deployment.timeout_seconds
  reserved_concurrent_executions = local.reserved > 0 ? local.reserved : -1
  publish                        = true

  ephemeral_storage {
    size = local.deployment.ephemeral_storage_mb
  }

  dynamic "environment" {
    for_each = length(local.environment) > 0 ? [local.environment] : []

    content {
      variables = environment.value
    }
  }

  logging_config {
    log_format            = local.deployment.logging.log_format
    application_log_level = local.deployment.logging.application_log_level
    system_log_level      = "INFO"
    log_group             = aws_cloudwatch_log_group.function.name
  }

  tracing_config {
    mode = local.deployment.tracing
  }

  lifecycle {
    precondition {
      condition     = local.deployment.target == "lambda"
      error_message = "${var.artifact} was built with --target ${local.deployment.target}: run `coldframe build` for Lambda, or deploy the server with another template."
    }

    precondition {
      condition     = local.deployment.managed_instances == null
      error_message = "config.yaml has serverless.managed_instances, which this module does not make: the AWS provider has no AcceleratorConfig, and each version that Terraform leaves behind would keep instances running. Deploy it with coldframe/cdk or infra/sam/gpu.yaml, or remove the key."
    }

    precondition {
      condition     = !local.function_url || local.url_auth != "NONE" || local.reserved > 0
      error_message = "A URL with url_auth NONE is open to everybody: set reserved_concurrency to 1 or more, which is what it can cost at most, or url_auth to AWS_IAM."
    }

    precondition {
      condition     = local.reserved == 0 || local.provisioned <= local.reserved
      error_message = "Found provisioned_concurrency ${local.provisioned}, allowed at most reserved_concurrency, ${local.reserved}."
    }
  }

  # Without its policy the first environment cannot read weights or write logs.
  depends_on = [aws_iam_role_policy.function]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "What the URL and the queue call."
  function_name    = aws_lambda_function.model.function_name
  function_version = aws_lambda_function.model.version
}

resource "aws_lambda_provisioned_concurrency_config" "live" {
  count = local.provisioned > 0 ? 1 : 0

  function_name                     = aws_lambda_function.model.function_name
  qualifier                         = aws_lambda_alias.live.name
  provisioned_concurrent_executions = local.provisioned
}

resource "aws_lambda_function_recursion_config" "model" {
  function_name  = aws_lambda_function.model.function_name
  recursive_loop = "Terminate"
}

resource "aws_s3_object" "archive" {
  count = var.archive_bucket == "" ? 0 : 1

  bucket = var.archive_bucket
  key    = "${local.name}/${filesha256(local.archive)}.zip"
  source = local.archive
}

resource "aws_cloudwatch_log_group" "function" {
  name              = "/aws/lambda/${local.name}"
  retention_in_days = var.log_retention_days
}

resource "aws_iam_role" "function" {
  # Names of roles are of all regions.
  name_prefix = "${substr(local.name, 0, 37)}-"
  description = "What the function ${local.name} may do."

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "function" {
  name = "model"
  role = aws_iam_role.function.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      jsondecode(local.iam_json),
      [{
        Sid    = "WriteLogs"
        Effect = "Allow"
        # Without CreateLogGroup: a group that was deleted would come back, and keep its logs for ever.
        Action   = ["logs:CreateLogStream", "logs:PutLogEvents"]
        Resource = ["${aws_cloudwatch_log_group.function.arn}:*"]
      }],
      local.queue ? [{
        Sid      = "ConsumeQueue"
        Effect   = "Allow"
        Action   = local.deployment.queue.actions
        Resource = [aws_sqs_queue.queue[0].arn]
      }] : [],
      var.weights_key_arn == "" ? [] : [{
        Sid       = "DecryptWeights"
        Effect    = "Allow"
        Action    = ["kms:Decrypt"]
        Resource  = [var.weights_key_arn]
        Condition = { StringEquals = { "kms:ViaService" = "s3.${data.aws_region.current.region}.${data.aws_partition.current.dns_suffix}" } }
      }],
    )
  })
}
