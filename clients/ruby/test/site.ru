# frozen_string_literal: true

# The app that is the same in all languages.
require_relative "../lib/usher/rack"

CLIENT = Usher::Client.new(ENV.fetch("USHER_SOCKET"))

use Usher::Middleware, CLIENT
run(lambda do |env|
  request, visitor = Rack::Request.new(env), env["usher"]
  sent = ->(*names) { JSON.parse(request.body.read).values_at(*names) }
  answer =
    case [request.request_method, request.path_info]
    in ["POST", "/register"] then visitor.register(*sent["username", "email", "password"]) && {}
    in ["POST", "/login"] then visitor.login(*sent["login", "password"]) && {}
    in ["POST", "/logout"] then visitor.logout(everywhere: request.GET.key?("everywhere")) || {}
    in ["GET", "/me"] then { username: visitor.authenticate["username"] }
    in ["GET", "/hello"] then { hello: visitor.optional_auth&.fetch("username") || "stranger" }
    in ["GET", "/admin"] then { role: visitor.require_roles("admin", "moderator")["role"] }
    in ["DELETE", "/users/ada"] then visitor.require_permission("user:delete") && { deleted: "ada" }
    end
  [200, { "content-type" => "application/json" }, [JSON.generate(answer)]]
end)
