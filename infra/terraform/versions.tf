terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # The first one with invoked_via_function_url: without that statement a function URL answers 403.
      version = ">= 6.29"
    }
  }
}
