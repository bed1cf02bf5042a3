# frozen_string_literal: true

# Runs the cases of clients/contract/cases.json, as the README there has it.
require "json"
require_relative "../lib/usher"

class Contract
  KINDS = { Usher::ConnectionLost => "lost", Usher::RetryLater => "retry_later", Usher::Denied => "denied", Usher::Misuse => "misuse" }.freeze

  class Failed < StandardError; end

  def initialize(table, folder)
    @methods, @secrets = table.values_at("methods", "secrets")
    @folder = folder
  end

  def run(entry)
    options = { timeout: entry["timeout"] }.compact
    @client = Usher::Client.new("#{@folder}/#{entry["server"]}.sock", **options)
    @kept = {}
    entry["steps"].each_with_index do |step, index|
      perform(step)
    rescue StandardError => e
      return { case: entry["name"], ok: false, step: index, why: "#{e.class}: #{e.message}" }
    end
    { case: entry["name"], ok: true }
  ensure
    @client.close
  end

  private

  def perform(step)
    case step
    in { call: _ } then step.fetch(:times, 1).times { call(step) }
    in { driver: _ } then drive(step)
    in { together: parts } then parts.map { |part| Thread.new { Thread.current.report_on_exception = false; perform(part) } }.each(&:join)
    in { fork: child, meanwhile: } then fork_and(child, meanwhile)
    end
  end

  def fork_and(child, meanwhile)
    pid = fork do
      child.each { |step| perform(step) }
      exit!(0)
    rescue StandardError => e
      warn e.message
      exit!(1)
    end
    meanwhile.each { |step| perform(step) }
  ensure
    raise Failed, "the child failed" if pid && !Process.wait2(pid)[1].success?
  end

  def call(step)
    arguments = filled(step.fetch(:args, {})).transform_keys(&:to_s)
    signature = @methods.fetch(step[:call])
    positional, named = arguments.partition { |name, _| signature["args"].include?(name) }
    positional = signature["args"].map { |name| positional.to_h[name] }
    begin
      result = @client.public_send(step[:call], *positional, **named.to_h.transform_keys(&:to_sym))
      raise Failed, "it did not raise" if step[:raises]
      match(filled(step[:returns]), plain(result)) if step.key?(:returns)
    rescue Usher::Error => e
      result = raised(e, step, arguments)
    end
    keep(step, plain(result))
  end

  def raised(error, step, arguments)
    raise error unless step[:raises]
    text = [error.message, error.inspect, error.full_message(highlight: false), error.cause.inspect].map(&:b).join
    @secrets.each { |name| raise Failed, "it shows the #{name}" if arguments[name] && text.include?(arguments[name].b) }
    told = { kind: KINDS.fetch(error.class), code: error.code, status: error.status, message: error.message, members: error.members, retry_after: error.retry_after }
    told[:outcome_unknown] = error.outcome_unknown? if error.is_a?(Usher::RetryLater)
    told.tap { |it| match(filled(step[:raises]), plain(it)) }
  end

  def drive(step)
    puts JSON.generate({ **filled(step.except(:connections)), **step.slice(:connections) })
    $stdout.flush
    reply = JSON.parse($stdin.gets, symbolize_names: true)
    raise Failed, reply[:error] if reply[:error]
    match(filled(step[:returns]), reply) if step[:returns]
    keep(step, reply)
  end

  def keep(step, result)
    step.fetch(:keep, {}).each do |name, path|
      @kept[name.to_s] = path.split(".").reduce(result) { |part, key| part.is_a?(Array) ? part[key.to_i] : part[key.to_sym] }
    end
  end

  def filled(value)
    case value
    when Hash then value.transform_values { |part| filled(part) }
    when Array then value.map { |part| filled(part) }
    when /\A\{(\w+)\}\z/ then @kept.fetch($1)
    when String then value.gsub(/\{(\w+)\}/) { @kept.fetch($1, $&).to_s }
    else value
    end
  end

  def match(wanted, got, at = "it")
    case wanted
    when "…" then raise Failed, "#{at} is null" if got.nil?
    when Hash
      raise Failed, "#{at} is #{got.class}" unless got.is_a?(Hash)
      wanted.each { |name, part| match(part, got[name], "#{at}.#{name}") }
    when Array
      raise Failed, "#{at} is no list of #{wanted.size}" unless got.is_a?(Array) && got.size == wanted.size
      wanted.zip(got).each_with_index { |(part, other), index| match(part, other, "#{at}.#{index}") }
    else raise Failed, "#{at} is #{got.inspect}, not #{wanted.inspect}" unless wanted == got
    end
  end

  def plain(value) = JSON.parse(JSON.generate([value]), symbolize_names: true)[0]
end

table = JSON.parse(File.read(ARGV[0]))
cases = JSON.parse(JSON.generate(table["cases"]), symbolize_names: true)
cases.select! { |entry| entry[:name] == ARGV[2] } if ARGV[2]
cases.each do |entry|
  puts JSON.generate(Contract.new(table, ARGV[1]).run(entry.transform_keys(&:to_s)))
  $stdout.flush
end
