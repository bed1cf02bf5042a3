import ArgumentParser
import UsherJSON
import UsherModel
import UsherSQLite

/// What is said of a database that was found whole.
struct DatabaseReport {
    /// Nil for the daemon's own.
    let file: String?
    let size: Int?
    let facts: DatabaseFile

    /// Reads all of a file.
    /// - Throws: after it has said what is wrong.
    static func examine(_ path: String) throws -> DatabaseFile {
        do throws(StoreOpenError) {
            return try DatabaseFile(examining: path)
        } catch {
            throw Output.failure(HumanText.printable(error.description), ExitStatus.refused)
        }
    }

    func show(_ verdict: String, json: Bool) {
        guard json else {
            let contents =
                "schema version \(facts.version), \(Int(facts.users).grouped) users, \(Int(facts.sessions).grouped) sessions"
            let about = HumanText.printable(file ?? "the daemon's database")
            return Output.print("\(about): \(verdict); \(contents)" + (size.map { ", \($0.grouped) bytes" } ?? ""))
        }
        var writer = JSONWriter()
        writer.openObject()
        writer.member("ok", true)
        if let file { writer.member("file", file) }
        if let size { writer.member("size", Int64(size)) }
        writer.member("schema", facts.version)
        writer.member("users", facts.users)
        writer.member("sessions", facts.sessions)
        writer.closeObject()
        Output.line(writer.bytes)
    }
}
