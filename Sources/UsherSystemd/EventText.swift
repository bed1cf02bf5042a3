import UsherModel

extension Event {
    /// The event in one line of printable ASCII: `message op=… result=… user=… peer=uid:pid ip=… request=… count=… before=… after=…`, what is absent left
    /// out. No value can look like another field, or end the line.
    var text: String {
        var text = Escape.quotedIfNeeded(message, blanks: true)
        func add(_ name: String, _ value: String?) {
            guard let value else { return }
            text += " \(name)=\(Escape.quotedIfNeeded(value, blanks: false))"
        }
        add("op", op)
        add("result", result)
        add("user", user)
        add("peer", peer.map { "\($0.uid):\($0.pid)" } ?? peerUID.map { "\($0)" })
        add("ip", clientAddress?.description)
        add("request", request)
        add("count", count.map { "\($0)" })
        add("before", change?.before)
        add("after", change?.after)
        return text
    }
}
