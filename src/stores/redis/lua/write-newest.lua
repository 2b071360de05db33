-- Writes each record unless the one there is newer by (event time, created time, sequence).
-- Keys: those of the records. Arguments: the records, in the order of the keys; each begins with its order (record-bytes.ts).
-- Answers how many were written. All of it, or, where the server is out of memory or no master, the first records only.
--
-- The order is 25 bytes: event time (8), whether there is a created time (1), created time (8), sequence (8), big end
-- first, sign bits turned over. A Lua number holds 53 bits exactly, and `<` on texts follows the server's locale: so the
-- order is compared in words of 32 bits.
local words = '>I4I4BI4I4I4I4'

local function is_older(next, current)
  local a = { struct.unpack(words, next) }
  local b = { struct.unpack(words, current) }
  for i = 1, 7 do
    if a[i] ~= b[i] then return a[i] < b[i] end
  end
  return false
end

local written = 0
for i, key in ipairs(KEYS) do
  local current = redis.call('GETRANGE', key, 0, 24)
  if current == '' or not is_older(ARGV[i], current) then
    redis.call('SET', key, ARGV[i])
    written = written + 1
  end
end
return written
