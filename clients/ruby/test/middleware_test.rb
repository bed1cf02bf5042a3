# frozen_string_literal: true

require "minitest/mock"
require "rack/test"
require "rack/lint"
require_relative "daemon"
require_relative "sinatra_app"

class MiddlewareTest < Minitest::Test
  include Rack::Test::Methods

  def app = Rack::Lint.new(App)

  def setup
    @client = Usher::Client.new(Daemon::SOCKET)
    @name, = Daemon.register(@client, "v")
    env "HTTP_USER_AGENT", "Netscape 4 \xFF".b
  end

  def log_in
    post "/login", { login: @name, password: "correct horse" }
    assert_predicate last_response, :redirect?, last_response.body
  end

  # Secure cookies.
  %i[get post delete].each do |method|
    define_method(method) { |path, *rest| super("https://example.org#{path}", *rest) }
  end

  def jar = rack_mock_session.cookie_jar
  def cookie(name) = Rack::Utils.parse_cookies_header(jar.for(URI("https://example.org/")))[name]

  def test_cookies_are_out_of_reach_of_scripts_and_other_sites
    log_in
    cookies = last_response.headers["Set-Cookie"].to_s.split("\n")
    assert_equal %w[usher_access usher_refresh], cookies.map { |cookie| cookie[/\A\w+/] }
    cookies.each { |cookie| ["; path=/", "; HttpOnly", "; SameSite=Lax", "; secure", "; max-age="].each { |part| assert_includes cookie.downcase, part.downcase } }
    assert_equal "no-store", last_response["Cache-Control"]
    get "/me"
    assert_equal "Hello #{@name}", last_response.body
    assert_nil last_response["Set-Cookie"]
    assert_equal "Netscape 4 \uFFFD", @client.sessions(cookie("usher_access")).first["client"]["user_agent"]
  end

  def test_who_is_not_logged_in
    get "/me"
    assert_equal [401, "Bearer", "token_required"], [last_response.status, last_response["WWW-Authenticate"], JSON.parse(last_response.body)["error"]]
    get "/me", {}, { "HTTP_ACCEPT" => "text/html,*/*" }
    assert_equal [303, "/login"], [last_response.status, last_response["Location"]]
    get "/"
    assert_equal "Hello stranger", last_response.body
    post "/login", { login: @name, password: "wrong horse" }
    assert_equal [401, "invalid_credentials"], [last_response.status, JSON.parse(last_response.body)["error"]]
    post "/login", { login: @name, password: "wrong horse" }, { "HTTP_ACCEPT" => "text/html,*/*" }
    assert_equal [401, "invalid_credentials"], [last_response.status, JSON.parse(last_response.body)["error"]], "and not a form without a word"
    post "/register", { username: @name, email: "x@example.org", password: "correct horse" }
    assert_equal 409, last_response.status
  end

  def test_roles_and_permissions_and_their_change_hold_at_once
    log_in
    get "/desk"
    assert_equal [403, "insufficient_role"], [last_response.status, JSON.parse(last_response.body)["error"]]
    Daemon::ADMIN.call("USER_SET", user: @name, role: "editor", permissions: ["user:*"])
    get "/desk"
    assert_equal "Welcome", last_response.body
    assert last_response["Set-Cookie"], "the stale token was refreshed"
    delete "/users/1"
    assert_equal "Gone", last_response.body
    Daemon::ADMIN.call("USER_SET", user: @name, permissions: [])
    delete "/users/1"
    assert_equal [403, "insufficient_permission"], [last_response.status, JSON.parse(last_response.body)["error"]]
  end

  def test_a_header_comes_before_cookies_and_is_not_refreshed
    log_in
    token = cookie("usher_access")
    other, grant = Daemon.register(@client)
    get "/me", {}, { "HTTP_AUTHORIZATION" => "Bearer #{grant["access_token"]}" }
    assert_equal "Hello #{other}", last_response.body
    @client.revoke(grant["access_token"])
    get "/me", {}, { "HTTP_AUTHORIZATION" => "Bearer #{grant["access_token"]}" }
    assert_equal [401, nil], [last_response.status, last_response["Set-Cookie"]]
    # That of a proxy's own password is none of ours.
    get "/me", {}, { "HTTP_AUTHORIZATION" => "Basic YWRhOnB3" }
    assert_equal "Hello #{@name}", last_response.body
    assert_equal token, cookie("usher_access")
  end

  def test_an_expired_token_is_refreshed_once_for_ten_requests
    log_in
    jar.delete("usher_access")
    header = "usher_refresh=#{cookie("usher_refresh")}"
    responses = Array.new(10) { Thread.new { Rack::MockRequest.new(App).get("/me", "HTTP_COOKIE" => header) } }.map(&:value)
    assert_equal ["Hello #{@name}"], responses.map(&:body).uniq
    assert_equal 1, responses.map { |response| response["Set-Cookie"][/usher_access=[^;]+/] }.uniq.size
    # A reply that the browser got late changes nothing: the old token is still answered with the same ones.
    assert_equal responses[0]["Set-Cookie"], Rack::MockRequest.new(App).get("/me", "HTTP_COOKIE" => header)["Set-Cookie"]
  end

  def test_logout
    log_in
    token = cookie("usher_access")
    post "/logout"
    assert_empty cookie("usher_access")
    assert_raises(Usher::Denied) { @client.verify(token) }
    get "/me"
    assert_equal 401, last_response.status
  end

  def test_logout_everywhere_with_an_expired_token
    elsewhere = @client.login(@name, "correct horse")["access_token"]
    log_in
    jar.delete("usher_access")
    post "/logout-everywhere"
    assert_predicate last_response, :redirect?
    assert_raises(Usher::Denied) { @client.verify(elsewhere) }
  end

  def test_a_session_that_was_ended_elsewhere_drops_the_cookies
    log_in
    Daemon::ADMIN.call("USER_LOGOUT", user: @name)
    get "/"
    assert_equal "Hello stranger", last_response.body
    assert_empty cookie("usher_refresh")
  end

  def test_no_daemon_is_no_logout
    log_in
    Daemon.stop
    get "/me"
    assert_equal [503, nil], [last_response.status, last_response["Set-Cookie"]]
    get "/"
    assert_equal 503, last_response.status
    Daemon.launch
    get "/me"
    assert_equal "Hello #{@name}", last_response.body
  ensure
    Daemon.launch unless Daemon.instance_variable_get(:@pid)
  end

  def test_an_app_that_may_not_tell_addresses
    told = nil
    app = ->(env) { [200, {}, [(told = env["usher"].end_user).to_s]] }
    Rack::MockRequest.new(Usher::Middleware.new(app, @client, address: false)).get("/", "HTTP_USER_AGENT" => "Lynx", "REMOTE_ADDR" => "192.0.2.7")
    assert_equal({ user_agent: "Lynx" }, told)
    Rack::MockRequest.new(Usher::Middleware.new(app, @client)).get("/", "REMOTE_ADDR" => "192.0.2.7")
    assert_equal({ ip: "192.0.2.7" }, told)
  end

  def test_who_is_forgotten_has_no_token
    app = ->(env) { [200, {}, [[env["usher"].access_token, env["usher"].forget && env["usher"].access_token].inspect]] }
    assert_equal '["abc", nil]', Rack::MockRequest.new(Usher::Middleware.new(app, @client)).get("/", "HTTP_AUTHORIZATION" => "Bearer abc").body
  end

  def test_nothing_in_the_environment_shows_a_token
    shown = nil
    stack = Usher::Middleware.new(->(env) { env["usher"].require; shown = env["usher"].inspect; [200, {}, []] }, @client)
    grant = @client.login(@name, "correct horse")
    Rack::MockRequest.new(stack).get("/", "HTTP_COOKIE" => "usher_access=#{grant["access_token"]}")
    assert_equal "#<Usher::Visitor>", shown
    refute_includes stack.inspect, grant["access_token"]
  end

  def get_with(cookies, app: App) = Rack::MockRequest.new(app).get("/me", "HTTP_COOKIE" => cookies.map { |pair| pair.join("=") }.join("; "))

  def test_an_account_that_changes_while_a_refresh_is_remembered
    log_in
    cookies = { "usher_refresh" => cookie("usher_refresh") }
    assert_equal 200, get_with(cookies).status
    Daemon::ADMIN.call("USER_SET", user: @name, role: "editor")
    assert_equal "Hello #{@name}", get_with(cookies).body
  end

  def test_what_is_no_token_is_nobody
    [["usher_access", "%FF"], ["usher_access", "\xFF".b], ["usher_refresh", "%FF%00"], ["usher_access", "a" * 70_000], ["usher_access", "%"], ["usher_access"]].each do |pair|
      response = Rack::MockRequest.new(App).get("/", "HTTP_COOKIE" => pair.join("="))
      assert_equal [200, "Hello stranger"], [response.status, response.body], pair.join[0, 20]
    end
    ["Bearer \xFF".b, "Bearer \xFF", "Bearer a b", "bearer"].each do |header|
      response = Rack::MockRequest.new(App).get("/", "HTTP_AUTHORIZATION" => header)
      assert_equal [200, "Hello stranger"], [response.status, response.body], header
    end
  end

  def test_a_body_that_asks_when_headers_are_sent_does_not_refresh
    grant = @client.login(@name, "correct horse")
    app = ->(env) { [200, {}, Enumerator.new { |body| body << env["usher"].optional.inspect }] }
    response = Usher::Middleware.new(app, @client).call(Rack::MockRequest.env_for("/", "HTTP_COOKIE" => "usher_refresh=#{grant["refresh_token"]}"))
    assert_equal ["nil"], response[2].to_a
    2.times { grant = @client.refresh(grant["refresh_token"]) }
  end

  def test_an_address_with_a_network_interface
    log_in
    post "/login", { login: @name, password: "correct horse" }, { "REMOTE_ADDR" => "fe80::1%eth0" }
    assert_predicate last_response, :redirect?, last_response.body
  end

  # Rack 3 wants names of headers in lower case, and has several values in a list. (Of Rack 3 itself there is only what this needs.)
  def test_the_headers_of_rack_3
    stub_rack_3 do
      app = ->(env) { [200, { "Set-Cookie" => "theme=dark", "Cache-Control" => "public" }.freeze, [env["usher"].login(@name, "correct horse").size.to_s]] }
      _, headers, = Usher::Middleware.new(app, @client).call(Rack::MockRequest.env_for("/"))
      assert_equal %w[cache-control set-cookie], headers.keys.sort
      assert_equal %w[theme usher_access usher_refresh], headers["set-cookie"].map { |cookie| cookie[/\w+/] }
      assert_equal "no-store", headers["cache-control"]
    end
  end

  def stub_rack_3(&block)
    headers = Class.new(Hash) do
      def self.[](headers) = new.merge!(headers.transform_keys(&:downcase))
      def [](name) = super(name.downcase)
      def []=(name, value)
        super(name.downcase, value)
      end
    end
    Rack.const_set(:Headers, headers)
    append = lambda do |set, name, value|
      set["set-cookie"] = [*set["set-cookie"], Rack::Utils.add_cookie_to_header(nil, name, value)]
    end
    Rack::Utils.stub(:set_cookie_header!, append, &block)
  ensure
    Rack.send(:remove_const, :Headers)
  end
end
