-- Amounts are whole nano-dollars in decimal text and may be over 2^53, where doubles skip integers. So each is two
-- numbers, dollars and nano-dollars: both, and sums of thousands of them, are exact.
local function add_amount(sum, text, sign)
  -- Short ones need no splitting: a hundred of them are below 2^53 together.
  if #text < 14 then
    sum[2] = sum[2] + sign * tonumber(text)
    return
  end
  if string.sub(text, 1, 1) == '-' then
    sign, text = -sign, string.sub(text, 2)
  end
  local point = #text - 9
  if point > 0 then sum[1] = sum[1] + sign * tonumber(string.sub(text, 1, point)) end
  sum[2] = sum[2] + sign * tonumber(string.sub(text, math.max(point, 0) + 1))
end
-- Adds the amounts of a counter, `start:amount` of each window, from one start to another.
local function add_counter(sum, text, first, last)
  for start, amount in string.gmatch(text, '(%-?%d+):(%-?%d+)') do
    local at = tonumber(start)
    if at >= first and at <= last then add_amount(sum, amount, 1) end
  end
end
-- Answers whether a sum is at most zero.
local function at_most_zero(sum)
  local nanos = math.fmod(sum[2], 1000000000)
  local dollars = sum[1] + (sum[2] - nanos) / 1000000000
  if nanos < 0 then
    dollars, nanos = dollars - 1, nanos + 1000000000
  end
  return dollars < 0 or (dollars == 0 and nanos == 0)
end
-- Answers whether spent, held and estimate are within a limit. `first` is empty where `spent` is one amount, else the
-- starts of the windows of a counter that count.
local function has_room(spent, first, last, held, estimate, limit)
  local sum = {0, 0}
  if first == '' then
    add_amount(sum, spent, 1)
  else
    add_counter(sum, spent, tonumber(first), tonumber(last))
  end
  add_amount(sum, held, 1)
  add_amount(sum, estimate, 1)
  add_amount(sum, limit, -1)
  return at_most_zero(sum)
end
