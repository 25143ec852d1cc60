# A model that everybody may call, and so with a ceiling: at most 10 environments run at the same time.
# In the project, after `coldframe build`:
#   terraform -chdir=infra/terraform/examples/public init
#   terraform -chdir=infra/terraform/examples/public apply

provider "aws" {
  region = "eu-central-1"
}

module "model" {
  source = "../.."

  artifact             = "${path.root}/../../../../dist/lambda"
  function_url         = true
  url_auth             = "NONE"
  reserved_concurrency = 10
}

output "url" {
  description = "Open to everybody."
  value       = module.model.function_url
}
