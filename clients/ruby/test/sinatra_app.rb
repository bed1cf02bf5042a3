# frozen_string_literal: true

require "sinatra/base"
require_relative "../lib/usher/rack"

# The recipe of README.md, whole.
class App < Sinatra::Base
  set :environment, :production
  disable :logging, :dump_errors

  USHER = Usher::Client.new(ENV.fetch("USHER_SOCKET", Usher::Client::SOCKET))
  use Usher::Middleware, USHER, login: "/login"
  helpers Usher::Helpers
  error(Usher::Error) { |error| halt Usher::Middleware.refusal(error) }

  post("/register") { usher.register(params["username"], params["email"], params["password"])["user"]["username"] }
  post("/login") { usher.login(params["login"], params["password"])["user"]["username"] }
  post("/logout") { usher.logout(everywhere: params["everywhere"] == "yes") && "Goodbye" }

  get("/me") { "Hello #{authenticate["username"]}" }
  get("/") { "Hello #{optional_auth&.fetch("username") || "stranger"}" }
  get("/desk") { require_roles("admin", "editor") && "Welcome to the desk" }
  delete("/users/:id") { require_permission("user:delete") && "Gone" }
end
