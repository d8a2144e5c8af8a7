"""Mail that expires unread: people, a relay and a calendar that can be turned."""
