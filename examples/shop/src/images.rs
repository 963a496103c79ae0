//! Images of products: a program in Python makes thumbnails of them.

use std::path::{Path as FilePath, PathBuf};

use anyhow::Context as _;
use bootstrap::extend::async_trait;
use bootstrap::prelude::*;
use bootstrap_services::external::ExternalJobs;
use bootstrap_services::jobs::{Handles, Job, JobContext, Jobs, job_handler};
use bootstrap_services::processes::Definition;
use bootstrap_web::axum::body::Bytes;
use bootstrap_web::prelude::*;
use serde::{Deserialize, Serialize};

use crate::accounts::hash;
use crate::catalogue::Catalogue;
use crate::operations::local;

/// The client, which is part of this binary, as the programs are.
const CLIENT: &str =
    include_str!("../../../bootstrap-services/clients/python/bootstrap_process.py");
/// Makes a thumbnail.
const THUMBNAIL: &str = include_str!("../programs/thumbnail.py");

/// Where images and their thumbnails are.
struct Images {
    folder: PathBuf,
}

#[plugin(name = "images", states = [Images])]
struct ImagesPlugin {
    #[option(config = "images.folder", default = PathBuf::from("images"))]
    folder: PathBuf,
}

impl Hooks for ImagesPlugin {
    async fn load(&mut self, _: &mut LoadContext) -> Result<Images> {
        let folder = self.folder.clone();
        let created = tokio::fs::create_dir_all(&folder).await;
        created.with_context(|| format!("can't create the folder `{}`", folder.display()))?;
        Ok(Images { folder })
    }
}

impl Images {
    fn image(&self, product: i64) -> PathBuf {
        self.folder.join(format!("{product}.png"))
    }

    fn thumbnail(&self, product: i64) -> PathBuf {
        self.folder.join(format!("{product}.thumbnail.png"))
    }
}

/// Makes a thumbnail: large data is in files, and not in a job.
#[derive(Serialize, Deserialize)]
struct Thumbnail {
    image: PathBuf,
    target: PathBuf,
    /// The image that it was enqueued for. The program takes the one that is there.
    version: String,
}

impl Job for Thumbnail {
    const NAME: &'static str = "thumbnail";
}

#[job_handler(Thumbnail)]
struct Thumbnails {
    external: State<ExternalJobs>,
    jobs: State<Jobs>,
}

impl Hooks for Thumbnails {
    async fn load(&mut self, _: &mut LoadContext) -> Result<()> {
        self.external.define::<Thumbnail>(python(THUMBNAIL))?;
        Ok(())
    }
}

#[async_trait]
impl Handles<Thumbnail> for Thumbnails {
    async fn handle(&self, job: Thumbnail, cx: &JobContext) -> Result<()> {
        self.external.run(&job, cx).await?;
        // The job of a newer image may have ended before this program wrote its thumbnail of the older one. So that one is made again.
        let version = version(&tokio::fs::read(&job.image).await?);
        if version != job.version {
            let _ = self.jobs.enqueue(Thumbnail { version, ..job }).await?;
        }
        Ok(())
    }
}

/// Names the content of an image.
fn version(image: &[u8]) -> String {
    let hash = hash(image).into_iter();
    hash.fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// Replaces a file as a whole: no reader finds a part of it.
async fn replace(file: &FilePath, version: &str, content: &[u8]) -> std::io::Result<()> {
    let new = file.with_extension(version);
    tokio::fs::write(&new, content).await?;
    tokio::fs::rename(new, file).await
}

/// A program in Python with the client in front.
pub(crate) fn python(program: &str) -> Definition {
    Definition::new("python3").args(["-c".to_owned(), format!("{CLIENT}\n{program}")])
}

#[routes(name = "image-uploads", management)]
fn uploads() -> impl RouteSet {
    Routes::new()
        .before_handle(local)
        .put("/products/{id}/image", upload)
}

/// Keeps the PNG of a product. Its thumbnail is there a moment later.
async fn upload(
    catalogue: State<Catalogue>,
    images: State<Images>,
    jobs: State<Jobs>,
    Path(id): Path<i64>,
    png: Bytes,
) -> Result<StatusCode, Problem> {
    catalogue.get(id).await?;
    let (image, target) = (images.image(id), images.thumbnail(id));
    let version = version(&png);
    replace(&image, &version, &png).await?;
    // The key holds until the job has ended: an image that replaces another has one of its own.
    let key = format!("{id} {version}");
    let job = Thumbnail {
        image,
        target,
        version,
    };
    let _ = jobs.enqueue(job).unique(key).await?;
    Ok(StatusCode::ACCEPTED)
}

#[routes(name = "image-pages")]
fn image_pages() -> impl RouteSet {
    Routes::new().get("/products/{id}/thumbnail", show)
}

async fn show(images: State<Images>, Path(id): Path<i64>) -> Result<Response, Problem> {
    let png = tokio::fs::read(images.thumbnail(id)).await;
    let png =
        png.map_err(|_| Problem::not_found().detail(format!("the product {id} has no thumbnail")))?;
    Ok(([(header::CONTENT_TYPE, "image/png")], png).into_response())
}
