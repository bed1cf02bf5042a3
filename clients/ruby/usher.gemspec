# frozen_string_literal: true

require_relative "lib/usher/version"

Gem::Specification.new do |gem|
  gem.name = "usher"
  gem.version = Usher::VERSION
  gem.summary = "A client of the authentication daemon usherd, and Rack middleware that protects routes with it"
  gem.description = "Logins, tokens, roles and permissions from usherd, over its Unix socket. Thread-safe, fork-safe, without dependencies."
  gem.authors = ["The Usher project"]
  gem.required_ruby_version = ">= 3.1"
  gem.files = Dir["lib/**/*.rb", "sig/**/*.rbs", "README.md"]
  gem.metadata = { "rubygems_mfa_required" => "true" }
end
