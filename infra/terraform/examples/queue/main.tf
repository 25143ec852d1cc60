# A model that works off a queue, and has no URL (config.yaml: `events: [sqs]`); its weights are in a bucket that is made here.
# In the project, after `coldframe build`:
#   terraform -chdir=infra/terraform/examples/queue init
#   terraform -chdir=infra/terraform/examples/queue apply

provider "aws" {
  region = "eu-central-1"
}

module "model" {
  source = "../.."

  artifact       = "${path.root}/../../../../dist/lambda"
  function_url   = false
  queue          = true
  weights_bucket = "create"
}

output "queue_url" {
  description = "Where to send messages."
  value       = module.model.queue_url
}

output "dead_letter_queue_url" {
  description = "Where messages are that failed too often."
  value       = module.model.dead_letter_queue_url
}

output "weights_bucket" {
  description = "Where the weights are put, before the first call."
  value       = module.model.weights_bucket_name
}
