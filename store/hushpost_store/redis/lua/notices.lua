-- Closes the notice that gathers and returns all that wait, oldest first: {number, drops}.
return close_notice(tonumber(ARGV[1]), tonumber(ARGV[2]))
