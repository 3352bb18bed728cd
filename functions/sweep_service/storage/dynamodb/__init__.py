"""The store protocol over one DynamoDB table."""
