# frozen_string_literal: true

# A small web app on plain Rack: `make demo` starts it.
require_relative "../../clients/ruby/lib/usher/rack"

class Demo
  PAGES = "#{__dir__}/../pages"
  APPS = %w[php python ruby].to_h { |name| [name, ENV.fetch("DEMO_#{name.upcase}", "/")] }

  CLIENT = Usher::Client.new(ENV.fetch("USHER_SOCKET", Usher::Client::SOCKET))
  CHALLENGE = "demo_challenge"

  def self.call(env) = new(env).answer

  def initialize(env)
    @visitor = env["usher"]
    @request = Rack::Request.new(env)
  end

  def answer
    return refused("Not from here", "Another site sent this form.", 403) unless from_here?

    # What answers GET answers HEAD.
    case [@request.head? ? "GET" : @request.request_method, @request.path_info]
    in ["GET", "/"] then home
    in ["GET", "/login"] then page("login")
    in ["GET", "/register"] then page("register")
    in ["GET", "/code"] then challenge.empty? ? redirect("/login") : page("code")
    in ["POST", "/login"] then form("login") { @visitor.login(field("login"), field("password")) }
    in ["POST", "/code"] then form("code") { @visitor.finish_login(challenge, field("code")) }
    in ["POST", "/register"] then form("register") { @visitor.register(field("username"), field("email"), field("password")) }
    in ["GET", "/second-factor"] then second_factor
    in ["POST", "/second-factor"] then change_second_factor
    in ["POST", "/logout"] then logout
    in ["GET", "/admin"] then page("admin", @visitor.require(roles: %w[admin moderator]))
    else refused("Nothing here", "There is no such page.", 404)
    end
  rescue Rack::QueryParser::InvalidParameterError, Rack::QueryParser::ParameterTypeError
    refused("Not so", "This form cannot be read.", 400)
  rescue Usher::Error => e
    e.status == 401 ? redirect("/login") : refused(e.status == 403 ? "Not for you" : "Not now", notice(e), e.status)
  end

  private

  def home
    claims = @visitor.optional or return page("stranger")
    account = claims.slice("username", "email", "role")
    issued = Time.at(claims["iat"]).strftime("%T")
    page("home", { **account, "issued" => issued, "lifetime" => claims["exp"] - claims["iat"] })
  end

  # The form is sent; if it is refused, it comes again, with the reason.
  def form(name)
    yield
    with_challenge(redirect("/"), "", 0)
  rescue Usher::Denied, Usher::Misuse => e
    return with_challenge(redirect("/code"), *e.members.values_at("challenge", "expires_in")) if e.code == "otp_required"

    page(name, { **@request.POST, "notice" => notice(e) }, e.status)
  end

  def field(name) = @request.POST[name].to_s.scrub

  # That of a login whose second step lacks stands for the password: out of reach of scripts, and for that step alone.
  def with_challenge((status, headers, body), value, seconds)
    cookie = { value:, max_age: seconds.to_s, path: "/code", secure: true, httponly: true, same_site: :lax }
    [status, headers.tap { Rack::Utils.set_cookie_header!(_1, CHALLENGE, cookie) }, body]
  end

  def challenge = @request.cookies[CHALLENGE].to_s

  def second_factor(refusal = nil)
    @visitor.require
    state = CLIENT.totp("status", @visitor.access_token)
    page(state["enabled"] ? "switch-off" : "switch-on", { **state, "notice" => refusal && notice(refusal) }, refusal ? refusal.status : 200)
  end

  def change_second_factor
    @visitor.require
    action = field("action")
    answer = CLIENT.totp(
      action, @visitor.access_token, password: @request.POST["password"], code: @request.POST["code"], client: @visitor.end_user)
    return second_factor unless %w[enrol confirm].include?(action)

    page(action, { **answer, "recovery_codes" => answer["recovery_codes"]&.join(" ") })
  rescue Usher::Denied, Usher::Misuse => e
    action == "confirm" && e.code == "invalid_credentials" ? page("enrol", { **@request.POST, "notice" => notice(e) }, e.status) : second_factor(e)
  end

  def logout
    @visitor.logout(everywhere: field("everywhere") == "yes")
    redirect("/")
  end

  # What changes something may come from our own pages alone. (Browsers tell; the other apps are other origins.)
  def from_here?
    @request.get? || @request.head? || ["same-origin", "none", nil].include?(@request.get_header("HTTP_SEC_FETCH_SITE"))
  end

  def notice(error)
    error.retry_after ? "#{error.message} Try again in #{(error.retry_after / 60.0).ceil} minute(s)." : error.message
  end

  def redirect(path) = [303, { "location" => path }, []]

  def refused(heading, notice, status) = page("refused", { "heading" => heading, "notice" => notice }, status)

  def page(name, values = {}, status = 200)
    all = { **values, **APPS, "app" => "ruby", "title" => name.capitalize }
    html = fill("layout", { **all, "body" => fill(name, all) })
    [status, { "content-type" => "text/html; charset=utf-8", "cache-control" => "no-store" }, [html]]
  end

  # `{{name}}` is a text, `{{{name}}}` is HTML.
  def fill(name, values)
    File.read("#{PAGES}/#{name}.html", encoding: "UTF-8").gsub(/\{\{(\{?)(\w+)\}?\}\}/) do
      value = values[$2].to_s.scrub
      $1.empty? ? Rack::Utils.escape_html(value) : value
    end
  end
end

use Rack::Head
use Usher::Middleware, Demo::CLIENT
run Demo
