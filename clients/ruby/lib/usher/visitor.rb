# frozen_string_literal: true

require "rack"
require_relative "refreshes"

module Usher
  # Who asks: `env["usher"]`, which Usher::Middleware makes for each request.
  class Visitor
    ACCESS = "usher_access"
    REFRESH = "usher_refresh"

    # Whatever else a cookie has in it is no token.
    TOKEN = /\A[!-~]{1,4096}\z/
    private_constant :TOKEN

    # What the visitor's token said when it was asked for last.
    attr_reader :claims

    def initialize(client, refreshes, cookie, address, env)
      @client = client
      @refreshes = refreshes
      @cookie = cookie
      @address = address
      @env = env
      # (A proxy may have a password of its own there.)
      @authorization = header("HTTP_AUTHORIZATION")&.[](/\Abearer(\s.*)?\z/im)
      cookies = @authorization ? {} : ::Rack::Utils.parse_cookies(env).select { |_, value| value.to_s.b.match?(TOKEN) }
      @access, @refresh = cookies.values_at(ACCESS, REFRESH)
    end

    # The claims of a visitor who is logged in, has any of the roles and all of the permissions. Raises Denied where there is none.
    def require(roles: nil, permissions: nil)
      @claims = nil
      @claims = refreshing { ask(roles, permissions) }
    end

    # The claims of a visitor who is logged in; nil of another one.
    def optional
      require
    rescue Denied
      nil
    end

    # The same for routes: whoever may not go on gets a refusal, and the route is left at once.
    def authenticate = guarded { require }
    def optional_auth = guarded { optional }
    def require_roles(*roles) = guarded { require(roles: roles.flatten) }
    def require_permission(*permissions) = guarded { require(permissions: permissions.flatten) }

    # LOGIN, REGISTER and the second step of LOGIN, with the visitor's address, whose tokens go into cookies. They answer and raise as the
    # client's methods do.
    def login(login, password, **options) = remember(@client.login(login, password, client: end_user, **options))
    def register(*account, **options) = remember(@client.register(*account, client: end_user, **options))
    def finish_login(challenge, code) = remember(@client.finish_login(challenge, code, client: end_user))

    # Ends the session, or all of the user's, and drops the cookies.
    def logout(everywhere: false)
      # It takes a living access token.
      require if everywhere
      token = (@refresh unless everywhere) || access_token
      @client.revoke(token, scope: everywhere ? "user" : "session") if token
      forget
    end

    # For what the client is asked on the visitor's behalf, after `require`: `client.sessions(visitor.access_token)`.
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
      @access = @refresh = @authorization = @claims = nil
      @cookies = [ACCESS, REFRESH].to_h { |name| [name, cookie("", 0)] }
    end

    # Who the visitor is on the net, as the daemon wants it. (Rack believes the proxies that its settings say. What may follow a `%` is the
    # network interface.)
    def end_user
      { ip: (::Rack::Request.new(@env).ip&.[](/\A[^%]+/) if @address), user_agent: header("HTTP_USER_AGENT")&.[](0, 256) }.compact
    end

    # A response's headers with the cookies that have changed. From then on nothing is refreshed: the new tokens would be lost.
    def with_cookies(headers)
      @sent = true
      return headers unless @cookies

      headers = headers.to_h.reject { |name, _| name.casecmp?("cache-control") }.merge("cache-control" => "no-store")
      headers = ::Rack::Headers[headers] if defined?(::Rack::Headers)
      @cookies.each { |name, value| ::Rack::Utils.set_cookie_header!(headers, name, value) }
      headers
    end

    # (Without tokens: error pages show the environment.)
    def inspect = "#<Usher::Visitor>"

    private

    # A header's text: visitors may send any bytes.
    def header(name) = @env[name]&.dup&.force_encoding(Encoding::UTF_8)&.scrub

    def ask(roles, permissions)
      return @client.verify(@access, authorization: @authorization) unless roles || permissions

      @client.authorize(@access, roles:, permissions:, authorization: @authorization)
    end

    def cookie(value, seconds)
      { value:, max_age: seconds.to_s, path: "/", httponly: true, same_site: :lax, **@cookie }
    end

    # What the block makes of the access token, or of a new one where this one is no good any more. Nor may the new one be, if the account has
    # changed since it was made: then there is another one.
    def refreshing(times = 2, &)
      renewable = @refresh && !@sent && times.positive?
      begin
        return yield if @access || !renewable
      rescue Denied => e
        raise unless e.status == 401 && renewable
      end
      renew
      refreshing(times - 1, &)
    end

    def renew
      remember(@refreshes.refresh(@refresh, client: end_user))
    rescue Denied
      forget
      raise
    end

    def guarded
      yield
    rescue Error => e
      throw self, e
    end
  end
end
