"""What a policy does with findings: values taken out of texts, tokens in their place, and values put back."""
