/// Some of the registry's operations, a bit each.
public struct OperationSet: Sendable, Equatable {
    private var bits: UInt64

    /// No more operations can be told apart: those behind are in no set.
    static let capacity = UInt64.bitWidth

    public static let none = OperationSet(bits: 0)
    /// What may be called on that socket where no rule says otherwise.
    public static func all(at place: Operation.Place) -> OperationSet { OperationSet { $0.isAllowed(at: place) } }

    /// Those of these names, in capitals; and PING and HELP, which whoever may call anything may call. Names that the registry does not
    /// have are left out.
    public init(_ names: [String]) {
        self.init { names.contains($0.name) || !names.isEmpty && [Ping.operation.name, Help.operation.name].contains($0.name) }
    }

    private init(_ isIn: (Operation) -> Bool) {
        self.init(bits: 0)
        for (index, operation) in Registry.operations.enumerated() where isIn(operation) { bits |= 1 << UInt64(index) }
    }

    private init(bits: UInt64) { self.bits = bits }

    /// - Parameter index: in the registry.
    public func contains(_ index: Int) -> Bool { bits & 1 << UInt64(truncatingIfNeeded: index) != 0 }

    public var isEmpty: Bool { bits == 0 }

    /// In the order of the registry.
    public var names: [String] { Registry.operations.indices.filter(contains).map { Registry.operations[$0].name } }
}
