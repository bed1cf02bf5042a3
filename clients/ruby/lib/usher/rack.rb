# frozen_string_literal: true

require "forwardable"
require "json"
require "rack"
require_relative "../usher"
require_relative "visitor"

module Usher
  # Rack middleware: `env["usher"]` is the Visitor, whose tokens come in an Authorization header or in cookies. Tokens that have expired are refreshed
  # on the way, once for any number of requests at the same time.
  #
  #     use Usher::Middleware, Usher::Client.new
  #
  # `secure: false` is for development without TLS alone; `domain` shares the login with subdomains; `address: false`
  # is for an app that the daemon does not trust to tell addresses; `login` is the path of a page that visitors with a browser are sent to where
  # they must log in.
  class Middleware
    def initialize(app, client, secure: true, domain: nil, address: true, login: nil)
      @app = app
      @client = client
      @refreshes = Refreshes.new(client)
      @cookie = { secure:, domain: }.compact
      @address = address
      @login = login
    end

    def call(env)
      visitor = env["usher"] = Visitor.new(@client, @refreshes, @cookie, @address, env)
      status, headers, body = respond(env, visitor)
      [status, visitor.with_cookies(headers), body]
    end

    # The response for who may not go on.
    def self.refusal(error)
      headers = { "content-type" => "application/json", "cache-control" => "no-store" }
      headers["www-authenticate"] = "Bearer" if error.status == 401
      headers["retry-after"] = error.retry_after.ceil.to_s if error.retry_after
      [error.status, headers, [JSON.generate({ error: error.code, message: error.message })]]
    end

    def inspect = "#<Usher::Middleware>"

    private

    def respond(env, visitor)
      error = catch(visitor) { return @app.call(env) }
      refuse(env, error)
    rescue Error => e
      refuse(env, e)
    end

    def refuse(env, error)
      # (Whose password was wrong is told so.)
      page = @login && error.status == 401 && error.code.include?("token") && env["HTTP_ACCEPT"].to_s.include?("text/html")
      page ? [303, { "location" => @login, "cache-control" => "no-store" }, []] : Middleware.refusal(error)
    end
  end

  # For Sinatra (`helpers Usher::Helpers`) and whatever else has an `env`.
  module Helpers
    extend Forwardable

    def usher = env["usher"]
    def_delegators :usher, :authenticate, :optional_auth, :require_roles, :require_permission
  end
end
