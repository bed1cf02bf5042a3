# frozen_string_literal: true

require "sinatra/base"
require_relative "daemon"
require_relative "../lib/usher/rack"

# The app of README.md, as it stands there, but for the socket.
recipe = File.read("#{__dir__}/../README.md", encoding: "UTF-8")[/^class App < Sinatra::Base\n.*?^end\n/m]
eval(recipe.sub("Usher::Client.new", "Usher::Client.new(Daemon::SOCKET)"), TOPLEVEL_BINDING)

class App
  set :environment, :production
  disable :logging, :dump_errors

  post("/register") { usher.register(params["username"], params["email"], params["password"])["user"]["username"] }
  post("/logout-everywhere") { usher.logout(everywhere: true) && redirect("/") }
end
