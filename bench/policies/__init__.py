"""What policies cost, whether the tests of packs find changed rules, and whether every fault denies."""
