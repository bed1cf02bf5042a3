/// `PING`, `HELP` and `HELP <OP>`, in any case and without JSON, for people at socat.
struct BareWord {
    /// The request that a bare word stands for; nil if the line is none.
    func json(of line: Span<UInt8>) -> [UInt8]? {
        guard line.count > 0, line.count <= 64 else { return nil }
        // A request has other bytes, and nothing of one is copied: it may hold a password.
        for index in 0..<line.count where line[index] != UInt8(ascii: " ") && !line[index].isOfAName { return nil }
        let words = String(decoding: (0..<line.count).map { line[$0] }, as: UTF8.self)
            .split(separator: " ", omittingEmptySubsequences: false)
        switch (words.first?.uppercased(), words.count) {
        case ("PING", 1): return Array(#"{"op":"PING"}"#.utf8)
        case ("HELP", 1): return Array(#"{"op":"HELP"}"#.utf8)
        case ("HELP", 2) where !words[1].isEmpty:
            return Array(#"{"op":"HELP","topic":"\#(words[1])"}"#.utf8)
        default: return nil
        }
    }
}

extension UInt8 {
    /// Whether an operation's name may have it: an ASCII letter, or `_`.
    fileprivate var isOfAName: Bool {
        self == UInt8(ascii: "_") || (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(self | 0x20)
    }
}
