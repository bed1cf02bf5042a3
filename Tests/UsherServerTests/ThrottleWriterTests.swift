import Testing
import UsherModel

@testable import UsherServer

struct ThrottleWriterTests {
    @Test func changesOfAWhileAreWrittenTogether() {
        var writer = ThrottleWriter()
        #expect(!writer.begin(hasChanges: false, isLast: false, at: 0) && writer.due == nil)
        for now in [10, 11, 509] as [Int64] {
            let begins = writer.begin(hasChanges: true, isLast: false, at: now)
            #expect(!begins && writer.due == 510)
        }
        let begins = writer.begin(hasChanges: true, isLast: false, at: 510)
        #expect(begins && writer.isWriting && writer.due == nil && !writer.isDone)
        // One at a time.
        let another = writer.begin(hasChanges: true, isLast: true, at: 9_000)
        #expect(!another)
        writer.end(isWritten: true, at: 600)
        #expect(writer.isDone && writer.due == nil)
    }

    @Test func aWriteThatFailedIsTriedAgainLater() {
        var writer = ThrottleWriter()
        _ = writer.begin(hasChanges: true, isLast: false, at: 0)
        _ = writer.begin(hasChanges: true, isLast: false, at: 500)
        writer.end(isWritten: false, at: 600)
        #expect(writer.due == 5_600 && !writer.isDone)
        let early = writer.begin(hasChanges: true, isLast: false, at: 5_599)
        let late = writer.begin(hasChanges: true, isLast: false, at: 5_600)
        #expect(!early && late)
    }

    @Test func theLastWriteWaitsForNothingAndIsTriedOnce() {
        var writer = ThrottleWriter()
        let begins = writer.begin(hasChanges: true, isLast: true, at: 0)
        #expect(begins && !writer.isDone)
        writer.end(isWritten: false, at: 10)
        let again = writer.begin(hasChanges: true, isLast: true, at: 10)
        #expect(!again && writer.isDone)
    }
}
