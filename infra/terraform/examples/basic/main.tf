# A model behind a URL that takes signed requests of one role, and alarms that are sent somewhere.
# In the project, after `coldframe build`:
#   terraform -chdir=infra/terraform/examples/basic init
#   terraform -chdir=infra/terraform/examples/basic apply

provider "aws" {
  region = "eu-central-1"

  default_tags {
    tags = { project = "my-model" }
  }
}

resource "aws_sns_topic" "alarms" {
  name = "my-model-alarms"
}

resource "aws_iam_role" "caller" {
  name = "my-model-caller"

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
    }]
  })
}

module "model" {
  source = "../.."

  artifact        = "${path.root}/../../../../dist/lambda"
  environment     = "production"
  invoker         = aws_iam_role.caller.arn
  alarm_topic_arn = aws_sns_topic.alarms.arn
}

output "url" {
  description = "Call it with `coldframe invoke --url`, as the role that may."
  value       = module.model.function_url
}
