import Synchronization

/// What a step of a scripted store has seen.
final class Seen: Sendable {
    private let numbers = Mutex<[Int]>([])
    var counts: [Int] { numbers.withLock { $0 } }
    func add(_ number: Int) { numbers.withLock { $0.append(number) } }
}
