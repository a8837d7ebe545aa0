-- What the data of a call was labelled with when its provider was asked: schemas.records.security.pinned.CallLabels.
ALTER TABLE provider_calls
    ADD COLUMN IF NOT EXISTS labels String CODEC(ZSTD(3));
