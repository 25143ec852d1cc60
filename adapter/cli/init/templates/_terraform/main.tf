# The model on AWS Lambda. In the project's folder, after `coldframe build`:
#   terraform -chdir=infra/terraform init
#   terraform -chdir=infra/terraform apply
# Left idle it costs what is stored (logs, weights) and a few cents a month for each alarm.

provider "aws" {}

# Memory, timeout, permissions and the rest are config.yaml's, by way of deployment.json in the artifact. What is of one
# deployment alone is a variable of the module; its README has all of them.
module "model" {
  source = "../../node_modules/coldframe/infra/terraform"

  artifact = "${path.root}/../../dist/lambda"
}

output "function_url" {
  description = "Ask it with `npx coldframe invoke --url`."
  value       = module.model.function_url
}
