# The bucket of the weights, when weights_bucket is create: encrypted, private, versioned, reached over TLS only, and never
# deleted by Terraform.

locals {
  weights = var.weights_bucket == "create" ? 1 : 0
}

resource "aws_s3_bucket" "weights" {
  count = local.weights

  bucket        = local.deployment.weights_bucket
  force_destroy = false

  lifecycle {
    prevent_destroy = true

    precondition {
      condition     = local.deployment.weights_bucket != null
      error_message = "Found weights_bucket create, but config.yaml has no weights with an s3:// source: set weights_bucket to existing."
    }
  }
}

resource "aws_s3_bucket_ownership_controls" "weights" {
  count = local.weights

  bucket = aws_s3_bucket.weights[0].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "weights" {
  count = local.weights

  bucket                  = aws_s3_bucket.weights[0].id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_server_side_encryption_configuration" "weights" {
  count = local.weights

  bucket = aws_s3_bucket.weights[0].id

  rule {
    bucket_key_enabled = var.weights_key_arn != ""

    apply_server_side_encryption_by_default {
      sse_algorithm     = var.weights_key_arn == "" ? "AES256" : "aws:kms"
      kms_master_key_id = var.weights_key_arn == "" ? null : var.weights_key_arn
    }
  }
}

resource "aws_s3_bucket_versioning" "weights" {
  count = local.weights

  bucket = aws_s3_bucket.weights[0].id

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "weights" {
  count = local.weights

  bucket = aws_s3_bucket.weights[0].id

  rule {
    id     = "expire-noncurrent"
    status = "Enabled"

    filter {}

    # weights.lock.json pins versions: a file that was replaced is there for the functions that still name it.
    noncurrent_version_expiration {
      noncurrent_days = 90
    }
  }

  rule {
    id     = "abort-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  # Rules of versions are refused by a bucket that has none.
  depends_on = [aws_s3_bucket_versioning.weights]
}

resource "aws_s3_bucket_policy" "weights" {
  count = local.weights

  bucket = aws_s3_bucket.weights[0].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "DenyPlainHttp"
      Effect    = "Deny"
      Principal = "*"
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.weights[0].arn, "${aws_s3_bucket.weights[0].arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.weights]
}
