# The function's URL, on the alias, and who may call it. A call needs two permissions: lambda:InvokeFunctionUrl, and
# lambda:InvokeFunction through the URL (docs.aws.amazon.com/lambda/latest/dg/urls-auth.html).

resource "aws_lambda_function_url" "live" {
  count = local.function_url ? 1 : 0

  function_name      = aws_lambda_function.model.function_name
  qualifier          = aws_lambda_alias.live.name
  authorization_type = local.url_auth
  invoke_mode        = local.deployment.function_url.invoke_mode

  dynamic "cors" {
    for_each = local.deployment.function_url.cors == null ? [] : [local.deployment.function_url.cors]

    content {
      allow_origins     = try(cors.value.AllowOrigins, null)
      allow_methods     = try(cors.value.AllowMethods, null)
      allow_headers     = try(cors.value.AllowHeaders, null)
      expose_headers    = try(cors.value.ExposeHeaders, null)
      allow_credentials = try(cors.value.AllowCredentials, null)
      max_age           = try(cors.value.MaxAge, null)
    }
  }
}

locals {
  is_public   = local.function_url && local.url_auth == "NONE"
  has_invoker = local.function_url && local.url_auth == "AWS_IAM" && var.invoker != ""
}

# The provider adds two statements like these by itself when it makes a URL with NONE, but not when a URL becomes NONE
# later, and it never removes them. These are ours, under other ids: made, changed and removed with the rest.
resource "aws_lambda_permission" "url_invoke" {
  count = local.is_public ? 1 : 0

  statement_id           = "UrlInvokePermission"
  action                 = "lambda:InvokeFunctionUrl"
  principal              = "*"
  function_url_auth_type = "NONE"
  function_name          = aws_lambda_function.model.function_name
  qualifier              = aws_lambda_alias.live.name
}

resource "aws_lambda_permission" "url_function" {
  count = local.is_public ? 1 : 0

  statement_id             = "UrlFunctionPermission"
  action                   = "lambda:InvokeFunction"
  principal                = "*"
  invoked_via_function_url = true
  function_name            = aws_lambda_function.model.function_name
  qualifier                = aws_lambda_alias.live.name
}

resource "aws_lambda_permission" "invoker_url" {
  count = local.has_invoker ? 1 : 0

  statement_id           = "InvokerUrlPermission"
  action                 = "lambda:InvokeFunctionUrl"
  principal              = var.invoker
  function_url_auth_type = "AWS_IAM"
  function_name          = aws_lambda_function.model.function_name
  qualifier              = aws_lambda_alias.live.name
}

resource "aws_lambda_permission" "invoker_function" {
  count = local.has_invoker ? 1 : 0

  statement_id             = "InvokerFunctionPermission"
  action                   = "lambda:InvokeFunction"
  principal                = var.invoker
  invoked_via_function_url = true
  function_name            = aws_lambda_function.model.function_name
  qualifier                = aws_lambda_alias.live.name
}
