-- The time to the first piece of a streamed answer; NULL of calls that were not streamed, or that had no piece.
ALTER TABLE provider_calls
    ADD COLUMN IF NOT EXISTS ttft_ms Nullable(Float64);
