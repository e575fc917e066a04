"""A visitor without a browser: speaks to the page as Streamlit's own front end does, so that dozens fit on one machine."""

from __future__ import annotations

import http.client
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Common_pb2 import FileURLs
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import ClientConnection, connect

_XSRF_COOKIE = "_streamlit_xsrf"
TIMEOUT_S = 120.0
_BOUNDARY = uuid.uuid4().hex


@dataclass
class Visitor:
    """One session.

    Attributes:
        query: The address behind the `?`, as the page has set it last.
        address: Of this machine, to come from. Defaults to any.
        errors: What the page showed in red, and what it could not do.
    """

    url: str
    query: str = ""
    address: str = ""
    errors: list[str] = field(default_factory=list)
    _session_id: str = ""
    _uploader_id: str = ""
    _submit_id: str = ""
    _cookie: str = ""
    _socket: ClientConnection | None = None

    def arrive(self) -> None:
        """Opens the page."""
        _, headers = self._http("GET", "/_stcore/health")
        cookies = [value for name, value in headers if name.lower() == "set-cookie"]
        self._cookie = next(value for value in cookies if value.startswith(_XSRF_COOKIE)).split(";")[0].split("=", 1)[1]
        self._socket = connect(
            f"ws://{urlsplit(self.url).netloc}/_stcore/stream",
            subprotocols=["streamlit"],  # type: ignore[list-item]
            origin=self.url,  # type: ignore[arg-type]
            additional_headers={"Cookie": f"{_XSRF_COOKIE}={self._cookie}"},
            max_size=None,
            source_address=self._source,
        )
        self.go("")

    @property
    def is_refused(self) -> bool:
        """Whether the page was not drawn: nothing can be handed in."""
        return not self._uploader_id

    @property
    def _source(self) -> tuple[str, int] | None:
        return (self.address, 0) if self.address else None

    def leave(self) -> None:
        """Closes the page."""
        if self._socket:
            self._socket.close()

    def go(self, query: str) -> float:
        """Goes to an address; returns the time until all is drawn, s."""
        message = BackMsg()
        message.rerun_script.query_string = self.query = query
        return self._run(message)

    def upload(self, data: bytes) -> float:
        """Hands in a picture; returns the time from the first byte until all is drawn, s."""
        started = time.perf_counter()
        self._run(self._hand_in({"query.jpg": data}))
        if "upload=" not in self.query:
            self.errors.append("the upload was not searched with")
        return time.perf_counter() - started

    def make_collection(self, files: Mapping[str, bytes]) -> float:
        """Makes a collection of files, name to content; returns the time that it takes, s."""
        started = time.perf_counter()
        self.go("view=collections")
        message = self._hand_in(files)
        button = message.rerun_script.widget_states.widgets.add()
        button.id, button.trigger_value = self._submit_id, True
        self._run(message)
        return time.perf_counter() - started

    def upload_path(self) -> str:
        """Where the next file of this session goes to."""
        return self._urls("query.jpg").upload_url

    def upload_headers(self) -> dict[str, str]:
        """What an upload needs beside its content."""
        return {
            "Content-Type": f"multipart/form-data; boundary={_BOUNDARY}",
            "X-Xsrftoken": self._cookie,
            "Cookie": f"{_XSRF_COOKIE}={self._cookie}",
        }

    @staticmethod
    def multipart_head() -> bytes:
        """What comes before the content of a file."""
        return f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="query.jpg"\r\n\r\n'.encode()

    @staticmethod
    def multipart_end() -> bytes:
        """What comes behind it."""
        return f"\r\n--{_BOUNDARY}--\r\n".encode()

    def put(self, path: str, data: bytes) -> int:
        """Sends a file there; returns the status of the answer."""
        status, _ = self._http(
            "PUT",
            path,
            self.multipart_head() + data + self.multipart_end(),
            self.upload_headers(),
        )
        if status != 204:
            self.errors.append(f"the upload was answered with {status}")
        return status

    def _hand_in(self, files: Mapping[str, bytes]) -> BackMsg:
        """Sends files, and makes the message that says so to the last uploader of the page."""
        message = BackMsg()
        message.rerun_script.query_string = self.query
        state = message.rerun_script.widget_states.widgets.add()
        state.id = self._uploader_id
        for name, data in files.items():
            urls = self._urls(name)
            self.put(urls.upload_url, data)
            file = state.file_uploader_state_value.uploaded_file_info.add()
            file.name, file.size, file.file_id = name, len(data), urls.file_id
            file.file_urls.CopyFrom(urls)
        return message

    def _urls(self, name: str) -> FileURLs:
        message = BackMsg()
        message.file_urls_request.request_id = str(uuid.uuid4())
        message.file_urls_request.file_names.append(name)
        message.file_urls_request.session_id = self._session_id
        self._send(message)
        while (answer := self._receive()).WhichOneof("type") != "file_urls_response":
            pass
        (urls,) = answer.file_urls_response.file_urls
        return urls  # type: ignore[no-any-return]

    def _run(self, message: BackMsg) -> float:
        started = time.perf_counter()
        self._send(message)
        while True:
            answer = self._receive()
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                self._session_id = answer.new_session.initialize.session_id or self._session_id
            elif kind == "page_info_changed":
                self.query = answer.page_info_changed.query_string
            elif kind == "delta":
                self._look_at(answer)
            elif kind == "script_finished" and answer.script_finished == ForwardMsg.FINISHED_SUCCESSFULLY:
                return time.perf_counter() - started

    def _look_at(self, answer: ForwardMsg) -> None:
        element = answer.delta.new_element
        kind = element.WhichOneof("type")
        if kind == "file_uploader":
            self._uploader_id = element.file_uploader.id
        elif kind == "button" and element.button.is_form_submitter:
            self._submit_id = element.button.id
        elif kind == "exception":
            self.errors.append(element.exception.message)
        elif kind == "alert" and element.alert.format == element.alert.ERROR:
            self.errors.append(element.alert.body)

    def _send(self, message: BackMsg) -> None:
        assert self._socket
        self._socket.send(message.SerializeToString())

    def _receive(self) -> ForwardMsg:
        assert self._socket
        answer = ForwardMsg()
        data = self._socket.recv(TIMEOUT_S)
        answer.ParseFromString(data if isinstance(data, bytes) else data.encode())
        return answer

    def _http(
        self, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> tuple[int, list[tuple[str, str]]]:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=TIMEOUT_S, source_address=self._source)
        try:
            connection.request(method, path, body or None, headers or {})
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.getheaders()
        finally:
            connection.close()
