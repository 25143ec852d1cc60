output "function_url" {
  description = "The URL; null without one."
  value       = one(aws_lambda_function_url.live[*].function_url)
}

output "function_arn" {
  description = "ARN of the function, without a version."
  value       = aws_lambda_function.model.arn
}

output "alias_arn" {
  description = "ARN of the alias `live`, which is what to call."
  value       = aws_lambda_alias.live.arn
}

output "role_arn" {
  description = "ARN of the function's role: who owns a bucket or a key lets it in."
  value       = aws_iam_role.function.arn
}

output "log_group_name" {
  description = "Where the logs are."
  value       = aws_cloudwatch_log_group.function.name
}

output "weights_bucket_name" {
  description = "The bucket that was created; null when it is an existing one."
  value       = one(aws_s3_bucket.weights[*].id)
}

output "queue_url" {
  description = "Where to send messages; null without a queue."
  value       = one(aws_sqs_queue.queue[*].url)
}

output "dead_letter_queue_url" {
  description = "Where messages are that failed too often; null without a queue."
  value       = one(aws_sqs_queue.dead_letters[*].url)
}
