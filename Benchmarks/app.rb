# frozen_string_literal: true

# What a Ruby app spends on one access token: as app.py, with ruby-jwt.

require 'json'
require 'socket'
begin
  require 'jwt'
rescue LoadError
  exit 3
end

SECRET = ENV.fetch('JWT_SECRET')
CHECKS = {
  algorithm: 'HS256', iss: 'usher', verify_iss: true, aud: 'usher', verify_aud: true, leeway: 30,
  required_claims: %w[iss aud sub jti sid iat exp]
}.freeze
SOME = 500

def asking_usher(path)
  connection = UNIXSocket.new(path)
  lambda do |token|
    connection.write(JSON.generate(op: 'VERIFY', token: token), "\n")
    reply = JSON.parse(connection.gets)
    [reply['error'], reply['claims']]
  end
end

def by_ruby_jwt
  lambda do |token|
    claims, header = JWT.decode(token, SECRET, true, CHECKS)
    header['typ'] == 'at+jwt' ? [nil, claims] : ['token_invalid', nil]
  rescue JWT::ExpiredSignature
    ['token_expired', nil]
  rescue JWT::DecodeError
    ['token_invalid', nil]
  end
end

def now = Process.clock_gettime(Process::CLOCK_MONOTONIC)

def microseconds(verify, cases, seconds)
  spent = done = 0
  while spent < seconds
    some = cases.sample(SOME)
    asked = some.map(&:first)
    began = now
    answers = asked.map { |token| verify.call(token) }
    spent += now - began
    done += SOME
    answers.zip(some) do |answer, (_, *expected)|
      next if answer == expected

      warn "#{answer} instead of #{expected}"
      exit 2
    end
  end
  spent / done * 1e6
end

path, file, seconds, first = ARGV
cases = File.foreach(file).map do |line|
  expected, request = line.split("\t")
  reply = JSON.parse("#{expected}}")
  [JSON.parse(request)['token'], reply['error'], reply['claims']]
end
ways = [['usher_us', asking_usher(path)], ['own_us', by_ruby_jwt]]
ways.reverse! if first == 'theirs'
ways.each { |_, verify| microseconds(verify, cases, 0.1) }
times = ways.to_h { |name, verify| [name, microseconds(verify, cases, seconds.to_f)] }
puts JSON.generate({ library: "ruby-jwt #{JWT::VERSION::STRING}", **times })
