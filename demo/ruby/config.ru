# frozen_string_literal: true

# A small web app on plain Rack: `make demo` starts it.
require_relative "../../clients/ruby/lib/usher/rack"

class Demo
  PAGES = "#{__dir__}/../pages"
  APPS = %w[php python ruby].to_h { |name| [name, ENV.fetch("DEMO_#{name.upcase}", "/")] }

  def self.call(env) = new(env).answer

  def initialize(env)
    @visitor = env["usher"]
    @request = Rack::Request.new(env)
  end

  def answer
    return refused("Not from here", "Another site sent this form.", 403) unless from_here?

    case [@request.request_method, @request.path_info]
    in ["GET", "/"] then home
    in ["GET", "/login"] then page("login")
    in ["GET", "/register"] then page("register")
    in ["POST", "/login"] then form("login") { |login:, password:| @visitor.login(login, password) }
    in ["POST", "/register"] then form("register") { |username:, email:, password:| @visitor.register(username, email, password) }
    in ["POST", "/logout"] then logout
    in ["GET", "/admin"] then page("admin", @visitor.require(roles: %w[admin moderator]))
    else refused("Nothing here", "There is no such page.", 404)
    end
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

  # What the form's fields are given to; if it is refused, the form again, with the reason.
  def form(name)
    yield(**@request.POST.transform_keys(&:to_sym))
    redirect("/")
  rescue Usher::Denied, Usher::Misuse => e
    page(name, { **@request.POST, "notice" => notice(e) }, e.status)
  end

  def logout
    @visitor.logout(everywhere: @request.POST["everywhere"] == "yes")
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
      value = values[$2].to_s
      $1.empty? ? Rack::Utils.escape_html(value) : value
    end
  end
end

use Usher::Middleware, Usher::Client.new(ENV.fetch("USHER_SOCKET", Usher::Client::SOCKET))
run Demo
