# frozen_string_literal: true

require "rack"
require_relative "refreshes"

module Usher
  # Who asks: `env["usher"]`, which Usher::Middleware makes for each request.
  class Visitor
    ACCESS = "usher_access"
    REFRESH = "usher_refresh"

    # What the visitor's token said when it was asked for last.
    attr_reader :claims

    def initialize(client, refreshes, cookie, address, env)
      @client = client
      @refreshes = refreshes
      @cookie = cookie
      @address = address
      @env = env
      @authorization = env["HTTP_AUTHORIZATION"] if env["HTTP_AUTHORIZATION"]&.match?(/\Abearer(\s|\z)/i)
      cookies = @authorization ? {} : ::Rack::Utils.parse_cookies(env).reject { |_, value| value.empty? }
      @access, @refresh = cookies.values_at(ACCESS, REFRESH)
    end

    # The claims of a visitor who is logged in, has any of the roles and all of the permissions. Raises Denied where there is none.
    def demand(roles: nil, permissions: nil)
      @claims = nil
      @claims = refreshing { |token| ask(token, roles, permissions) }
    end

    # The claims of a visitor who is logged in; nil of another one.
    def optional
      demand
    rescue Denied
      nil
    end

    # The same for routes: whoever may not go on gets a refusal, and the route is left at once.
    def authenticate = guarded { demand }
    def optional_auth = guarded { optional }
    def require_roles(*roles) = guarded { demand(roles: roles.flatten.map(&:to_s)) }
    def require_permission(*permissions) = guarded { demand(permissions: permissions.flatten.map(&:to_s)) }

    # LOGIN, REGISTER and the second step of LOGIN, with the visitor's address, whose tokens go into cookies. They answer and raise as the
    # client's methods do.
    def login(login, password, **options) = remember(@client.login(login, password, client: end_user, **options))
    def register(*account, **options) = remember(@client.register(*account, client: end_user, **options))
    def finish_login(challenge, code) = remember(@client.finish_login(challenge, code, client: end_user))

    # Ends the session, or all of the user's, and drops the cookies.
    def logout(everywhere: false)
      if everywhere
        # It takes a living access token.
        demand
        @client.revoke(access_token, scope: "user")
      elsif (ending = @refresh || access_token)
        @client.revoke(ending, scope: "session")
      end
      forget
    end

    # For what the client is asked on the visitor's behalf, after `demand`: `client.sessions(visitor.access_token)`.
    def access_token = @access || @authorization&.split&.at(1)

    # Keeps the tokens of a reply in cookies. One without tokens (an email is to be confirmed first) changes nothing.
    def remember(grant)
      return grant unless grant["access_token"]

      @authorization = @claims = nil
      @access, @refresh = grant.values_at("access_token", "refresh_token")
      @cookies = { ACCESS => cookie(@access, grant["expires_in"]), REFRESH => cookie(@refresh, grant["refresh_expires_in"]) }
      grant
    end

    # Drops the cookies; `logout` ends the session, too.
    def forget
      @access = @refresh = @claims = nil
      @cookies = [ACCESS, REFRESH].to_h { |name| [name, cookie("", 0)] }
    end

    # Who the visitor is on the net, as the daemon wants it. (Rack believes the proxies that its settings say.)
    def end_user
      agent = @env["HTTP_USER_AGENT"]&.dup&.force_encoding(Encoding::UTF_8)&.scrub
      { ip: (::Rack::Request.new(@env).ip if @address), user_agent: agent && agent[0, 256] }.compact
    end

    # A response's headers with the cookies that have changed.
    def with_cookies(headers)
      return headers unless @cookies

      headers = headers.reject { |name, _| name.casecmp?("cache-control") }.merge("cache-control" => "no-store")
      headers = ::Rack::Headers[headers] if defined?(::Rack::Headers)
      @cookies.each { |name, value| ::Rack::Utils.set_cookie_header!(headers, name, value) }
      headers
    end

    # (Without tokens: error pages show the environment.)
    def inspect = "#<Usher::Visitor>"

    private

    def ask(token, roles, permissions)
      return @client.verify(token, authorization: @authorization) unless roles || permissions

      @client.authorize(token, roles:, permissions:, authorization: @authorization)
    end

    def cookie(value, seconds)
      { value:, max_age: seconds.to_s, path: "/", httponly: true, same_site: :lax, **@cookie }
    end

    # What the block makes of the access token, or of a new one where this one is no good any more.
    def refreshing
      begin
        return yield(@access) if @access || !@refresh
      rescue Denied => e
        raise unless e.status == 401 && @refresh
      end
      begin
        remember(@refreshes.refresh(@refresh, client: end_user))
      rescue Denied
        forget
        raise
      end
      yield(@access)
    end

    def guarded
      yield
    rescue Error => e
      throw self, e
    end
  end
end
