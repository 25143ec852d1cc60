# The switches of this deployment. Everything else is in deployment.json, which `coldframe build` writes from config.yaml;
# a switch that is null is as config.yaml says.

variable "artifact" {
  description = "The folder that `coldframe build` wrote; its archive is beside it, `<artifact>.zip`."
  type        = string
  default     = "../../dist/lambda"

  validation {
    condition     = fileexists("${var.artifact}/deployment.json") && fileexists("${var.artifact}.zip")
    error_message = "Found no ${var.artifact}/deployment.json with ${var.artifact}.zip beside it: run `coldframe build`, and set artifact to its folder dist/lambda."
  }
}

variable "archive_bucket" {
  description = "A bucket to upload the archive to, when it is larger than the 50 MB that Lambda takes directly; empty: directly."
  type        = string
  default     = ""
}

variable "name" {
  description = "Name of the function, and the beginning of the other names; null: as deployment.json has it."
  type        = string
  default     = null

  validation {
    condition     = var.name == null || can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 letters, digits, hyphens and underscores, as Lambda allows names."
  }
}

variable "function_url" {
  description = "Whether the alias `live` has a URL; null: when config.yaml has the event function-url."
  type        = bool
  default     = null
}

variable "url_auth" {
  description = "Who may call the URL: AWS_IAM (signed requests of those who are allowed to) or NONE (everybody); null: as config.yaml says."
  type        = string
  default     = null

  validation {
    condition     = var.url_auth == null || contains(["AWS_IAM", "NONE"], coalesce(var.url_auth, "AWS_IAM"))
    error_message = "url_auth must be AWS_IAM or NONE."
  }
}

variable "invoker" {
  description = "Account id, or ARN of a role or user, that may call a URL with AWS_IAM; empty: only who has an identity policy for it."
  type        = string
  default     = ""

  validation {
    condition     = var.invoker == "" || can(regex("^([0-9]{12}|arn:[a-z0-9-]+:iam::[0-9]{12}:(root|(role|user)/[A-Za-z0-9_+=,.@/-]+))$", var.invoker))
    error_message = "invoker must be an account id of 12 digits, or the ARN of a role or user."
  }
}

variable "queue" {
  description = "Whether there is an SQS queue in front of the function; null: when config.yaml has the event sqs."
  type        = bool
  default     = null
}

variable "weights_bucket" {
  description = "The bucket that weights are read from: existing, or create it here."
  type        = string
  default     = "existing"

  validation {
    condition     = contains(["existing", "create"], var.weights_bucket)
    error_message = "weights_bucket must be existing or create."
  }
}

variable "weights_key_arn" {
  description = "ARN of the KMS key that weights are encrypted with; empty: S3's own key."
  type        = string
  default     = ""

  validation {
    condition     = var.weights_key_arn == "" || can(regex("^arn:[a-z0-9-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9_-]+$", var.weights_key_arn))
    error_message = "weights_key_arn must be the ARN of a key, arn:aws:kms:<region>:<account>:key/<id>; an alias is no resource of a policy."
  }
}

variable "secrets_prefix" {
  description = "Where in Secrets Manager the secrets without a default are: `<secrets_prefix><name of the secret>`; null: `<name in deployment.json>/`."
  type        = string
  default     = null

  validation {
    condition     = var.secrets_prefix == null || can(regex("^[A-Za-z0-9/_+=.@-]*$", var.secrets_prefix))
    error_message = "secrets_prefix must be of letters, digits and /_+=.@-, as Secrets Manager allows names."
  }
}

variable "environment" {
  description = "Name of this deployment, such as production: what the model's setupEnvironment gets; empty: none."
  type        = string
  default     = ""
}

variable "reserved_concurrency" {
  description = "Environments at the same time, at most, which is what the function can cost at most; 0: as many as the account has; null: as config.yaml says."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null || coalesce(var.reserved_concurrency, 0) >= 0
    error_message = "reserved_concurrency must be 0 or more."
  }
}

variable "provisioned_concurrency" {
  description = "Environments that are kept ready, and paid for while idle; 0: none; null: as config.yaml says."
  type        = number
  default     = null

  validation {
    condition     = var.provisioned_concurrency == null || coalesce(var.provisioned_concurrency, 0) >= 0
    error_message = "provisioned_concurrency must be 0 or more."
  }
}

variable "log_retention_days" {
  description = "Days that logs are kept."
  type        = number
  default     = 30

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.log_retention_days)
    error_message = "log_retention_days must be a number of days that CloudWatch Logs has: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }
}

variable "alarms" {
  description = "Whether there are alarms of errors, throttles and slow calls, of a URL's 5xx, and of dead letters."
  type        = bool
  default     = true
}

variable "alarm_topic_arn" {
  description = "SNS topic that alarms are sent to; empty: nowhere, they are seen in CloudWatch."
  type        = string
  default     = ""

  validation {
    condition     = var.alarm_topic_arn == "" || can(regex("^arn:[a-z0-9-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+$", var.alarm_topic_arn))
    error_message = "alarm_topic_arn must be the ARN of an SNS topic."
  }
}
