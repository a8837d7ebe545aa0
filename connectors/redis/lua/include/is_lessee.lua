-- Returns true if a claim's owner is the worker that has the lease with this secret. An owner is `worker/secret`.
local function is_lessee(owner, secret)
  return owner ~= false and string.sub(owner, -#secret - 1) == '/' .. secret
end
