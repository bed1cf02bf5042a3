# frozen_string_literal: true

# An app for Puma's cluster mode. The client is made, and used, before the workers are forked.
require_relative "../lib/usher/rack"

client = Usher::Client.new(ENV.fetch("USHER_SOCKET"))
client.ping

use Usher::Middleware, client, address: false
run(lambda do |env|
  claims = env["usher"].authenticate
  [200, { "content-type" => "application/json" }, [JSON.generate({ username: claims["username"], worker: Process.pid })]]
end)
