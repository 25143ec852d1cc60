# What the module makes of tests/artifact, an artifact's deployment.json with everything a template may have to set.
# Run: terraform init && terraform test
# No account is needed: what AWS would answer is made up here.

mock_provider "aws" {
  mock_data "aws_partition" {
    defaults = {
      partition  = "aws"
      dns_suffix = "amazonaws.com"
    }
  }

  mock_data "aws_region" {
    defaults = { region = "eu-central-1" }
  }

  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/sample" }
  }

  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:eu-central-1:123456789012:log-group:sample" }
  }

  mock_resource "aws_lambda_function" {
    defaults = {
      arn     = "arn:aws:lambda:eu-central-1:123456789012:function:sample"
      version = "1"
    }
  }

  mock_resource "aws_lambda_alias" {
    defaults = { arn = "arn:aws:lambda:eu-central-1:123456789012:function:sample:live" }
  }

  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-central-1:123456789012:sample"
      url = "https://sqs.eu-central-1.amazonaws.com/123456789012/sample"
    }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::sample-weights" }
  }
}

variables {
  artifact = "./tests/artifact/lambda"
}

run "as_config_yaml_says" {
  command = apply

  assert {
    condition     = aws_lambda_function.model.handler == "index.stream" && aws_lambda_function.model.memory_size == 3008
    error_message = "The function is not as deployment.json says."
  }

  assert {
    condition     = aws_lambda_function.model.reserved_concurrent_executions == 20
    error_message = "The ceiling of config.yaml is not set."
  }

  assert {
    condition     = aws_lambda_function.model.environment[0].variables["COLDFRAME_SECRET_HUB_TOKEN"] == "aws-secretsmanager://sample-model/hub_token"
    error_message = "The function is not told where its secret is."
  }

  assert {
    condition     = aws_lambda_function_url.live[0].authorization_type == "AWS_IAM" && aws_lambda_function_url.live[0].qualifier == "live"
    error_message = "The URL is not on the alias, for signed requests."
  }

  assert {
    condition     = length(aws_lambda_permission.url_invoke) + length(aws_lambda_permission.invoker_url) == 0
    error_message = "A URL with AWS_IAM lets nobody in by itself."
  }

  assert {
    condition = contains(
      [for statement in jsondecode(aws_iam_role_policy.function.policy).Statement : statement.Resource[0] if statement.Sid == "ReadSecrets"],
      "arn:aws:secretsmanager:eu-central-1:123456789012:secret:sample-model/hub_token-??????",
    )
    error_message = "The role may not read exactly its secret."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue[0].function_name == aws_lambda_alias.live.arn
    error_message = "The queue does not call the alias."
  }

  assert {
    condition     = output.log_group_name == "/aws/lambda/sample-model" && aws_cloudwatch_log_group.function.retention_in_days == 30
    error_message = "Logs are kept for ever, or elsewhere."
  }
}

run "public_url" {
  command = plan

  variables {
    url_auth = "NONE"
    queue    = false
    alarms   = false
  }

  assert {
    condition     = aws_lambda_permission.url_invoke[0].function_url_auth_type == "NONE"
    error_message = "Everybody lacks lambda:InvokeFunctionUrl."
  }

  assert {
    condition     = aws_lambda_permission.url_function[0].invoked_via_function_url
    error_message = "Everybody lacks lambda:InvokeFunction through the URL."
  }

  assert {
    condition     = length(aws_sqs_queue.queue) + length(aws_cloudwatch_metric_alarm.errors) == 0
    error_message = "What is switched off is made."
  }
}

run "public_url_has_a_ceiling" {
  command = plan

  variables {
    url_auth             = "NONE"
    queue                = false
    reserved_concurrency = 0
  }

  expect_failures = [aws_lambda_function.model]
}

run "a_queue_fits_under_the_ceiling" {
  command = plan

  variables {
    reserved_concurrency = 2
  }

  expect_failures = [aws_lambda_event_source_mapping.queue]
}

run "weights_bucket" {
  command = plan

  variables {
    weights_bucket  = "create"
    weights_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/0a1b2c3d"
  }

  assert {
    condition     = aws_s3_bucket.weights[0].bucket == "sample-weights"
    error_message = "It is not the bucket of config.yaml."
  }

  assert {
    condition     = one(one(aws_s3_bucket_server_side_encryption_configuration.weights[0].rule).apply_server_side_encryption_by_default).sse_algorithm == "aws:kms"
    error_message = "The bucket is not encrypted with the key."
  }
}

run "no_artifact" {
  command = plan

  variables {
    artifact = "./tests"
  }

  expect_failures = [var.artifact]
}

run "values_that_are_not_allowed" {
  command = plan

  variables {
    url_auth           = "none"
    invoker            = "everybody"
    log_retention_days = 31
    weights_bucket     = "new"
    weights_key_arn    = "alias/weights"
    secrets_prefix     = "a secret"
  }

  expect_failures = [
    var.url_auth,
    var.invoker,
    var.log_retention_days,
    var.weights_bucket,
    var.weights_key_arn,
    var.secrets_prefix,
  ]
}
