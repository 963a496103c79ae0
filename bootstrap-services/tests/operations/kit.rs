//! An app with each service that the page shows.

use std::time::Duration;

use bootstrap::Running;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::audit::AuditPlugin;
use bootstrap_services::cron::{CronContext, CronTask, cron};
use bootstrap_services::database::Database;
use bootstrap_services::jobs::{
    Handles, Job, JobContext, JobFilter, JobId, JobPolicy, JobState, Jobs, job_handler,
};
use bootstrap_services::operations::{self, Operator};
use bootstrap_services::processes::{Definition, Processes, ProcessesPlugin};
use bootstrap_services::testing::{self, VirtualClock};
use bootstrap_services::workflows::{Flow, Runs, Workflow, workflow};
use bootstrap_web::prelude::*;
use bootstrap_web::testing::{Client, TestResponse};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// No test of this crate waits for longer.
pub(crate) const DEADLINE: Duration = Duration::from_mins(1);
pub(crate) const MINUTE: Duration = Duration::from_mins(1);
pub(crate) const SCRIPT: &str = "<script>alert(1)</script>";

pub(crate) async fn within<T>(future: impl IntoFuture<Output = T>) -> T {
    timeout(DEADLINE, future.into_future())
        .await
        .expect("in time")
}

/// What a job does.
#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
pub(crate) enum Act {
    Send,
    /// Fails for good, with this error.
    Fail(String),
    /// Reports its progress, and waits until it is cancelled.
    Wait(String),
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Mail {
    pub(crate) to: String,
    pub(crate) act: Act,
}

impl Job for Mail {
    const NAME: &'static str = "send-mail";

    fn policy() -> JobPolicy {
        JobPolicy::new().attempts(1).timeout(24 * 60 * MINUTE)
    }
}

#[job_handler(Mail, collect = never)]
pub(crate) struct Mails {
    _database: State<Database>,
    _jobs: State<Jobs>,
}

impl Hooks for Mails {}

#[async_trait]
impl Handles<Mail> for Mails {
    async fn handle(&self, mail: Mail, cx: &JobContext) -> Result<()> {
        match mail.act {
            Act::Send => cx.set_result(&"250 ok")?,
            Act::Fail(error) => anyhow::bail!(error),
            Act::Wait(progress) => {
                cx.progress(&progress);
                cx.cancelled().await;
                anyhow::bail!("ended early");
            }
        }
        Ok(())
    }
}

/// An order: its price, the charge, and the wait for the payment.
#[derive(Serialize, Deserialize)]
pub(crate) struct PlaceOrder {
    pub(crate) fault: Option<String>,
}

impl Workflow for PlaceOrder {
    const NAME: &'static str = "place-order";
    type Output = ();
}

#[workflow(PlaceOrder, collect = never)]
pub(crate) struct Orders {}

impl Hooks for Orders {}

#[async_trait]
impl Runs<PlaceOrder> for Orders {
    async fn run(&self, order: PlaceOrder, cx: &Flow) -> Result<()> {
        let price = cx.step("price", || async { Ok(3) });
        price.undo(|_| async { Ok(()) }).await?;
        let charge = cx.step("charge", || async {
            order
                .fault
                .clone()
                .map_or(Ok(()), |fault| Err(anyhow::anyhow!(fault)))
        });
        charge.attempts(1).await?;
        cx.signal("paid").await
    }
}

#[cron("*/5 * * * *", zone = "UTC", name = "cleanup", collect = never)]
pub(crate) struct Cleanup;

impl CronTask for Cleanup {
    async fn run(&self, _: &CronContext) -> Result<()> {
        Ok(())
    }
}

#[plugin(name = "ocr", collect = never)]
pub(crate) struct Ocr {
    processes: State<Processes>,
}

impl Hooks for Ocr {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.processes
            .define("ocr", Definition::new("no-such-program"))?;
        Ok(())
    }

    async fn ready(&self, _: &ReadyContext<Self>) -> Result<()> {
        self.processes.ensure("ocr", &()).await?;
        Ok(())
    }
}

pub(crate) async fn operator(headers: HeaderMap) -> Answer<Give<Operator>> {
    let user = headers.get("x-user").and_then(|name| name.to_str().ok());
    match user.ok_or_else(Problem::unauthorized)? {
        "bob" => Err(Problem::forbidden()),
        name => Ok(Give(Operator::new(name))),
    }
}

#[routes(name = "admin", collect = never)]
pub(crate) fn admin() -> impl RouteSet {
    Routes::new()
        .before_handle(operator)
        .nest("/admin/operations", operations::page)
}

pub(crate) struct Kit {
    pub(crate) running: Running,
    pub(crate) time: VirtualClock,
    pub(crate) jobs: Jobs,
    /// One without a user.
    pub(crate) stranger: Client,
    pub(crate) client: Client,
}

/// An app whose jobs run in `drain` only.
pub(crate) async fn boot() -> Kit {
    boot_with(|app| app).await
}

pub(crate) async fn boot_with(more: impl FnOnce(App) -> App) -> Kit {
    let processes = ProcessesPlugin::default().fake("ocr", async |child| {
        child.terminated().await;
        0
    });
    let (app, time) = testing::only(Admin::default());
    let app = app
        .with(WebPlugin::default())
        .with(Mails::default())
        .with(Cleanup::default());
    let app = app
        .with(Ocr::default())
        .with(processes)
        .with(Orders::default())
        .with(AuditPlugin::default());
    let running = within(more(app).boot()).await.unwrap();
    let stranger = running.try_get::<State<Web>>().unwrap().client();
    Kit {
        jobs: Jobs::clone(&running.try_get::<State<Jobs>>().unwrap()),
        client: stranger.clone().header("x-user", "ada"),
        stranger,
        time,
        running,
    }
}

impl Kit {
    pub(crate) async fn get(&self, path: &str) -> TestResponse {
        within(self.client.get(&format!("/admin/operations{path}"))).await
    }

    /// The text of a page that is there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let response = self.get(path).await;
        response
            .assert_status(200)
            .assert_header("content-type", "text/html; charset=utf-8");
        response.text()
    }

    /// Sends a form, and returns where the browser is sent.
    pub(crate) async fn act(&self, path: &str, fields: &[(&str, &str)]) -> String {
        let path = format!("/admin/operations/{path}");
        let response = within(self.client.post(&path).form(fields.to_vec())).await;
        response.assert_status(303);
        resolve(&path, response.header("location").unwrap())
    }

    pub(crate) async fn enqueue(&self, to: &str, act: Act) -> JobId {
        let mail = Mail {
            to: to.to_owned(),
            act,
        };
        within(self.jobs.enqueue(mail)).await.unwrap().into_id()
    }

    /// Enqueues a job that is dead when this returns.
    pub(crate) async fn dead(&self, error: &str) -> JobId {
        let id = self
            .enqueue("ada@example.org", Act::Fail(error.to_owned()))
            .await;
        self.drain().await;
        id
    }

    /// Runs the jobs that are ready. That some become dead letters is an error, which tests expect here.
    pub(crate) async fn drain(&self) {
        let _ = within(self.jobs.drain()).await;
    }

    pub(crate) async fn state(&self, id: &JobId) -> JobState {
        within(self.jobs.find(id)).await.unwrap().unwrap().state
    }

    /// Enqueues a job, and returns when it runs, a second later.
    pub(crate) async fn run(&self, progress: &str) -> JobId {
        let id = self
            .enqueue("bob@example.org", Act::Wait(progress.to_owned()))
            .await;
        let jobs = self.jobs.clone();
        tokio::spawn(async move { jobs.drain().await });
        self.until(&id, JobState::Running).await;
        // Progress is stored each second.
        self.time.advance(Duration::from_secs(1)).await;
        let begun = async {
            while within(self.jobs.find(&id))
                .await
                .unwrap()
                .unwrap()
                .progress
                .is_none()
            {
                tokio::task::yield_now().await;
            }
        };
        within(begun).await;
        id
    }

    /// Waits until a job has this state.
    pub(crate) async fn until(&self, id: &JobId, state: JobState) {
        let wait = async {
            while self.state(id).await != state {
                tokio::task::yield_now().await;
            }
        };
        within(wait).await;
    }

    /// Cancels the jobs that run, and waits for their end: until then `drain` goes on.
    pub(crate) async fn end_running(&self) {
        let running = JobFilter::new().state(JobState::Running);
        for job in within(self.jobs.list(&running)).await.unwrap() {
            within(self.jobs.cancel(&job.id)).await.unwrap();
            self.until(&job.id, JobState::Cancelled).await;
        }
    }

    pub(crate) async fn close(self) {
        self.end_running().await;
        drop((self.jobs, self.client, self.stranger));
        within(self.running.close()).await.unwrap();
    }
}

/// Resolves a link of a page, as a browser does.
pub(crate) fn resolve(page: &str, link: &str) -> String {
    let page = page.split(['?', '#']).next().unwrap();
    let mut segments: Vec<_> = page.split('/').collect();
    segments.pop();
    let (path, query) = link
        .split_once('?')
        .map_or((link, None), |(path, query)| (path, Some(query)));
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        match part {
            ".." => drop(segments.pop()),
            "." => {}
            _ => segments.push(part),
        }
        if parts.peek().is_none() && matches!(part, "." | "..") {
            segments.push("");
        }
    }
    let path = segments.join("/");
    query.map_or_else(|| path.clone(), |query| format!("{path}?{query}"))
}

/// The values of an attribute, in the order of the page.
pub(crate) fn values(page: &str, attribute: &str) -> Vec<String> {
    let begin = format!(" {attribute}=\"");
    let parts = page.split(&begin).skip(1);
    parts
        .map(|part| part.split('"').next().unwrap().replace("&amp;", "&"))
        .collect()
}

/// The text of a section, without its markup.
pub(crate) fn text(page: &str, title: &str) -> String {
    let from = page.find(&format!("<h2>{title}</h2>")).expect(title);
    let section = page[from..].split("</section>").next().unwrap();
    let pieces = section.split('<').filter_map(|it| it.split_once('>'));
    let pieces = pieces
        .map(|(_, text)| text.trim())
        .filter(|it| !it.is_empty());
    pieces.collect::<Vec<_>>().join("|")
}
