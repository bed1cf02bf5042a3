# frozen_string_literal: true

# Whether sig/ names every public method, and none that there is not. (`rbs validate` only says that it makes sense by itself.)
require "rbs"
require_relative "../lib/usher/rack"

loader = RBS::EnvironmentLoader.new
loader.add(path: Pathname("#{__dir__}/../sig"))
builder = RBS::DefinitionBuilder.new(env: RBS::Environment.from_loader(loader).resolve_type_names)

[Usher::Client, Usher::Error, Usher::RetryLater, Usher::ConnectionLost, Usher::Middleware, Usher::Visitor, Usher::Helpers].each do |type|
  name = TypeName("::#{type}")
  told = builder.build_instance(name).methods.select { |_, method| method.implemented_in == name && method.public? }.keys - [:initialize]
  there = type.public_instance_methods(false) - [:inspect]
  (told - there).each { |method| puts "#{type}##{method} is not there" }
  (there - told).each { |method| puts "#{type}##{method} has no signature" }
end
